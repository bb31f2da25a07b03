import type { FastifyReply } from 'fastify';
import fp from 'fastify-plugin';
import { AppError, ERROR_CODES, type ErrorCode } from '../../core/errors.ts';
import { nearestName } from '../../core/near-names.ts';
import { didYouMean } from '../../core/suggestion.ts';
import { PROBLEMS } from './problems.ts';

/** Allows nothing but the style below. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "style-src 'unsafe-inline'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;max-width:44em;margin:3em auto;padding:0 1em}code{background:#8882;padding:0 .2em}';

/** Pages for people: `/problems/{code}`, the `type` of a problem, and `/problems`, which lists them. */
export const problemPages = fp(async (app) => {
  const pages = new Map<string, string>(ERROR_CODES.map((code) => [code, problemPage(code)]));
  const send = (reply: FastifyReply, html: string) =>
    reply
      .header('content-security-policy', CONTENT_SECURITY_POLICY)
      .type('text/html; charset=utf-8')
      .serializer(String)
      .send(html);
  const route = { config: { access: 'public' }, schema: { hide: true } } as const;
  app.get('/problems', route, async (_request, reply) => send(reply, LIST));
  app.get<{ Params: { code: string } }>('/problems/:code', route, async (request, reply) => {
    const { code } = request.params;
    const page = pages.get(code);
    if (page === undefined) {
      const near = didYouMean(nearestName(code, ERROR_CODES));
      throw new AppError('not_found', `There is no problem with this code${near}. GET /problems lists all.`);
    }
    return send(reply, page);
  });
});

function problemPage(code: ErrorCode): string {
  const { status, title, when, remedy } = PROBLEMS[code];
  return page(
    title,
    `<p><code>${code}</code>, HTTP status ${status}</p>
<p>${toHtml(when)}</p>
<h2>What to do</h2>
<p>${toHtml(remedy)}</p>
<p><a href="/problems">All problems</a> · <a href="/docs">API</a></p>`,
  );
}

const LIST = page(
  'Problems',
  `<ul>
${ERROR_CODES.map((code) => `<li>${PROBLEMS[code].status} <a href="/problems/${code}"><code>${code}</code></a>: ${toHtml(PROBLEMS[code].when)}</li>`).join('\n')}
</ul>`,
);

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${title}</h1>
${body}
</body>
</html>
`;
}

/** The Markdown of the table of problems, code and links, as HTML. */
function toHtml(markdown: string): string {
  return markdown
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll(/`([^`]+)`/g, '<code>$1</code>')
    .replaceAll(/\[([^\]]+)\]\((\/[^)]*)\)/g, '<a href="$2">$1</a>');
}
