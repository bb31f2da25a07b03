import { ERROR_CODES } from '../../src/core/errors.ts';
import { PROBLEM_EXAMPLES, PROBLEMS } from '../../src/http/problems/problems.ts';
import { JSON_LIMITS, MAX_JSON_BYTES } from '../../src/http/requests/json-bodies.ts';
import { code, GENERATED, table } from './markdown.ts';

/** Links lead to pages of the service. */
const LINK = /\[([^\]]+)\]\([^)]*\)/g;

/** `docs/errors.md`: every code with its status. */
export function errorsPage(): string {
  const codes = [...ERROR_CODES].sort((a, b) => PROBLEMS[a].status - PROBLEMS[b].status);
  const rows = codes.map((name) => {
    const { status, title, when, remedy } = PROBLEMS[name];
    return [String(status), code(name), title, when, remedy.replaceAll(LINK, '$1')];
  });
  return `# Errors

${GENERATED}

Every failure is reported as a problem document ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) of type
\`application/problem+json\`. Programs should check \`code\`, which is stable; \`detail\` is for people. \`errors\` lists every
fault in the request that has a location, up to 100 (\`detail\` has the total): \`path\` is a JSON Pointer into the \`body\`, the \`query\`, the \`path\` or the
\`header\`. \`request_id\` identifies the request in the log; a client can set it with \`X-Request-Id\`.

\`\`\`json
${JSON.stringify(PROBLEM_EXAMPLES.validation_failed?.value, null, 2)}
\`\`\`

After the headers of a response have been sent, a failure closes the connection, so a truncated response never looks
complete.

A JSON body may have at most ${MAX_JSON_BYTES / 1024 / 1024} MiB, ${JSON_LIMITS.values} values, ${JSON_LIMITS.depth} levels and, in one object, ${JSON_LIMITS.members} members.

${table(['status', 'code', 'title', 'when', 'what to do'], rows)}
`;
}
