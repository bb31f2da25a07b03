import { ERROR_CODES } from '../../src/core/errors.ts';
import { PROBLEM_EXAMPLES, PROBLEMS } from '../../src/http/problems/problems.ts';
import { code, GENERATED, table } from './markdown.ts';

/** `docs/errors.md`: every code with its status. */
export function errorsPage(): string {
  const codes = [...ERROR_CODES].sort((a, b) => PROBLEMS[a].status - PROBLEMS[b].status);
  const rows = codes.map((name) => {
    const { status, title, when } = PROBLEMS[name];
    return [String(status), code(name), title, when];
  });
  return `# Errors

${GENERATED}

Every failure is a problem document ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) of the type
\`application/problem+json\`. Programs should look at \`code\`, which is stable; \`detail\` is for people. \`errors\` lists
every fault of a request that can be located: \`path\` is a JSON Pointer into the \`body\`, the \`query\`, the \`path\` or the
\`header\`. \`request_id\` finds the request in the log; a client can choose it by \`X-Request-Id\`.

\`\`\`json
${JSON.stringify(PROBLEM_EXAMPLES.validation_failed?.value, null, 2)}
\`\`\`

Once the headers of an answer are out, a failure breaks the connection: what is cut off never looks complete.

${table(['status', 'code', 'title', 'when'], rows)}
`;
}
