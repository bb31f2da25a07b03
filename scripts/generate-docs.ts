// Writes the pages of docs/ that come from the code. Usage: npm run docs
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PAGES } from './docs/pages.ts';

for (const [file, write] of Object.entries(PAGES)) {
  await writeFile(path.join(import.meta.dirname, '../docs', file), write());
}
