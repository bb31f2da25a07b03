import { createRequire } from 'node:module';
import { renderAsync } from '@resvg/resvg-js';

const require = createRequire(import.meta.url);

/** The fonts come with the project: without them, text would silently be missing on a server that has none. */
const FONT_FILES = [
  require.resolve('@expo-google-fonts/inter/400Regular/Inter_400Regular.ttf'),
  require.resolve('@expo-google-fonts/inter/600SemiBold/Inter_600SemiBold.ttf'),
];

/**
 * Draws one of our own SVG plots as a PNG of the same size. resvg reads no files or URLs that a document names, so
 * libvips' SVG loader can stay blocked. Runs on libuv's threads.
 */
export async function renderPlotPng(svg: string): Promise<Buffer> {
  const image = await renderAsync(svg, {
    font: { loadSystemFonts: false, fontFiles: FONT_FILES, defaultFontFamily: 'Inter' },
    logLevel: 'off',
  });
  return image.asPng();
}
