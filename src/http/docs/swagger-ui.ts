import swaggerUi from '@fastify/swagger-ui';
import fp from 'fastify-plugin';

/** Allows what Swagger UI needs from this server: scripts, inline styles, pictures of answers. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** A picture frame with three layers in it, in the colours of the `core` map. */
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<rect x="3" y="3" width="26" height="26" rx="5" fill="#5b2c0b"/>
<path d="M7 7h18v6H7z" fill="#ffffff"/><path d="M7 13h18v6H7z" fill="#f4d35e"/><path d="M7 19h18v6H7z" fill="#c8761b"/>
</svg>`;

/** The link would name the copy of the document that Swagger UI reads; the description names `/openapi.json`. */
const STYLES = `
.swagger-ui .info hgroup.main > a { display: none; }
.swagger-ui .info { margin: 30px 0 20px; }
.swagger-ui .scheme-container { padding: 15px 0; }
.swagger-ui .responses-inner .highlight-code > .microlight { max-height: 16em; }
/* The button of a list says "Add string item", even if the items are files. */
.swagger-ui .json-schema-form-item-add { font-size: 0 !important; }
.swagger-ui .json-schema-form-item-add::after { content: "Add another"; font-size: 12px; }
.swagger-ui .response-col_description img { max-width: 100%; }
`;

/** Swagger UI at `/docs`; all its files come from this server. */
export const swaggerUiPlugin = fp(async (app) => {
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    uiConfig: {
      // The standard layout has a bar that asks for the URL of another document.
      layout: 'BaseLayout',
      deepLinking: true,
      displayRequestDuration: true,
      tryItOutEnabled: true,
      persistAuthorization: true,
      defaultModelsExpandDepth: 0,
    },
    theme: {
      title: 'Coreframe API',
      css: [{ filename: 'coreframe.css', content: STYLES }],
      favicon: [{ filename: 'icon.svg', rel: 'icon', sizes: 'any', type: 'image/svg+xml', content: ICON }],
    },
    uiHooks: {
      onRequest: async (_request, reply) => {
        reply.header('content-security-policy', CONTENT_SECURITY_POLICY);
      },
    },
  });
  app.get('/', { schema: { hide: true } }, async (_request, reply) => reply.redirect('/docs'));
});
