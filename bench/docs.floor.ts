import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';

const STATIC = path.join(
  path.dirname(createRequire(import.meta.url).resolve('@fastify/swagger-ui/package.json')),
  'static',
);

const PAGE = `<!doctype html><html><head><meta charset="utf-8"><link rel="stylesheet" href="swagger-ui.css"></head><body><div id="swagger-ui"></div>
<script src="swagger-ui-bundle.js"></script>
<script>SwaggerUIBundle({ url: 'openapi.json', dom_id: '#swagger-ui', deepLinking: true, tryItOutEnabled: true });</script>
</body></html>`;

/** Plain Swagger UI with the 3.1 document, as frameworks that generate it serve it. */
export async function servePlainDocs(document: string): Promise<{ url: string; server: Server }> {
  const server = createServer(async ({ url = '/' }, response) => {
    const name = url.slice(1);
    if (name === '') response.setHeader('content-type', 'text/html').end(PAGE);
    else if (name === 'openapi.json') response.setHeader('content-type', 'application/json').end(document);
    else if (/^swagger-ui(-bundle)?\.(css|js)$/.test(name)) {
      response.setHeader('content-type', name.endsWith('css') ? 'text/css' : 'text/javascript');
      response.end(await readFile(path.join(STATIC, name)));
    } else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The server has no port.');
  return { url: `http://127.0.0.1:${address.port}/`, server };
}
