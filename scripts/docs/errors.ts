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

\`type\` is the path of a page that explains the problem and says what to do; \`/problems\` lists all.

A message about an unknown parameter, value or path names what was probably meant: a near spelling, or what is called
differently in other services.

\`\`\`
Expected a known parameter but received "w" (did you mean width?)
This path does not exist. Did you mean POST /images/5c5c1f0e…/transform with {"operations":[{"op":"rotate","angle":90}]}?
\`\`\`

## How values may be written

| value | accepted | not accepted |
| --- | --- | --- |
| true or false in a query | \`true\`, \`1\`, \`yes\`, \`on\`, and their opposites, in any case | any other text; in JSON, text |
| one of several choices | any case, hyphens for underscores, \`jpg\` for \`jpeg\`, \`tif\` for \`tiff\`, \`gray\` for \`grey\` | near spellings: the message suggests one |
| colour | names of CSS, \`transparent\`, hexadecimal digits with or without \`#\` (in a URL, \`#\` is \`%23\`), \`rgb(51, 102, 153)\`, \`rgba(51, 102, 153, 0.5)\` | other functions of CSS |
| number | a decimal point: \`1.5\` | a decimal comma, separators of thousands |
| several values in a query | the parameter repeated: \`percentiles=1&percentiles=99\` | values separated by commas |

All spellings of a value make the same artifact.

[Validation](validation.md) shows the answers to many wrong requests, beside those of FastAPI.

## All problems

After the headers of a response have been sent, a failure closes the connection, so a truncated response never looks
complete.

A JSON body may have at most ${MAX_JSON_BYTES / 1024 / 1024} MiB, ${JSON_LIMITS.values} values, ${JSON_LIMITS.depth} levels and, in one object, ${JSON_LIMITS.members} members. That of a job may also have the ids of \`MAX_JOB_ITEMS\` images.

${table(['status', 'code', 'title', 'when', 'what to do'], rows)}
`;
}
