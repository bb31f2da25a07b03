import { readFileSync } from 'node:fs';
import { code, table } from './markdown.ts';

const RECORD = new URL('../../test/http/problems/fastapi/answers.json', import.meta.url);

interface Answer {
  status: number;
  faults: { place: string; message: string }[];
  detail?: string;
}

interface ComparedRequest {
  /** What is wrong. */
  what: string;
  request: string;
  /** If it is JSON; otherwise empty. */
  body: string;
  fastapi: Answer;
  coreframe: Answer;
  /** Why the places differ. */
  difference?: string;
}

/** `docs/validation.md`: wrong requests with the answers of FastAPI and of this service. */
export function validationPage(): string {
  const { versions, answers }: { versions: Record<string, string>; answers: ComparedRequest[] } = JSON.parse(
    readFileSync(RECORD, 'utf8'),
  );
  const rows = answers.map(({ what, request, body, fastapi, coreframe }) => {
    const sent = [request, body].filter((part) => part !== '').map(code);
    return [[`${what}:`, ...sent].join('<br>'), cell(fastapi), cell(coreframe)];
  });
  const differences = answers.flatMap(({ what, difference }) =>
    difference === undefined ? [] : [`- **${what}**: ${difference}`],
  );
  return `# Validation, compared with FastAPI

<!-- Generated from the record of a test by \`npm run docs\`; a test checks that it is up to date. -->

The same endpoints are declared for FastAPI with pydantic models, and ${answers.length} wrong requests are sent to both services. The table shows what
both answer: the status, and each fault with its place and message. The versions are FastAPI ${versions.fastapi}, pydantic ${versions.pydantic} and
Starlette ${versions.starlette}.

For every fault that FastAPI lists, Coreframe lists a fault at the same place or a more precise one, except for the differences
below. A test sends all requests to both services and fails if an answer changes. To run it:

\`\`\`bash
pip install -r test/requirements.txt
npm run test:file -- test/http/problems/fastapi/comparison.test.ts
\`\`\`

With \`RECORD=1\`, it records the answers of today; \`npm run docs\` then writes this page again.

Coreframe answers 400 to malformed JSON and 415 to a wrong content type; FastAPI answers 422. [Errors](errors.md) describes the answers
and how values may be written.

## Differences in places

${differences.join('\n')}

## All requests

\`{id}\` is the id of an image. Long messages are shortened. FastAPI's places are written like Coreframe's: without the tags of unions,
and for malformed JSON with the offset in the message.

${table(['request', 'FastAPI', 'Coreframe'], rows)}
`;
}

function cell({ status, faults, detail }: Answer): string {
  const texts = faults.map(({ place, message }) => `${code(place)} ${escapeText(message)}`);
  return [String(status), ...texts, ...(detail === undefined ? [] : [escapeText(detail)])].join('<br>');
}

/** Text that Markdown does not take for markup. */
function escapeText(text: string): string {
  return text.replace(/[\\`*_<>[\]{}$]/g, '\\$&');
}
