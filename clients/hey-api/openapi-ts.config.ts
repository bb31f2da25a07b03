import { defineConfig } from '@hey-api/openapi-ts';

// The extension makes Node find the modules of the compiled client.
// biome-ignore lint/style/noDefaultExport: the generator reads it
export default defineConfig({
  input: 'openapi.json',
  output: { path: 'generated', importFileExtension: '.js' },
  plugins: ['@hey-api/client-fetch', '@hey-api/sdk', '@hey-api/typescript'],
});
