// Writes the pages of docs/ that come from the code, and openapi.json. Usage: npm run docs
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { recordAnswers } from './docs/answer-examples.ts';
import { openApiFile, withApplication } from './docs/openapi.ts';
import { PAGES } from './docs/pages.ts';

const ROOT = path.join(import.meta.dirname, '..');

for (const [file, write] of Object.entries(PAGES)) {
  await writeFile(path.join(ROOT, 'docs', file), write());
}
// The document contains the answers, so it is written by the application after them.
const answers = await withApplication(recordAnswers);
await writeFile(path.join(ROOT, 'src/http/docs/answer-examples.json'), openApiFile(answers));
const document = await withApplication(async (app) => app.swagger());
await writeFile(path.join(ROOT, 'openapi.json'), openApiFile(document));
