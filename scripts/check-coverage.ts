// Prints the line coverage of src/ after a test run with coverage, and fails if it is below the minimum.
// Generated code does not count; a file that no test loaded counts as not covered.
import { readdir, readFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import path from 'node:path';

const MIN_PERCENT = 90;
const PROJECT = path.resolve(import.meta.dirname, '..');
const REPORT = path.join(PROJECT, '.tap/report/coverage-summary.json');

interface Lines {
  covered: number;
  total: number;
}

/** Number of lines of TypeScript, without comments, blank lines, and erased types. */
async function countLines(file: string): Promise<number> {
  const text = stripTypeScriptTypes(await readFile(file, 'utf8'), { mode: 'strip' });
  return text.split('\n').filter((line) => /^\s*[^\s/*]/.test(line)).length;
}

const files = (await readdir(path.join(PROJECT, 'src'), { recursive: true }))
  .filter((file) => file.endsWith('.ts') && !file.startsWith(path.join('db', 'generated')))
  .map((file) => path.join(PROJECT, 'src', file))
  .sort();

const summary = JSON.parse(await readFile(REPORT, 'utf8')) as Record<string, { lines: Lines }>;
const sum: Lines = { covered: 0, total: 0 };
for (const file of files) {
  const { covered, total } = summary[file]?.lines ?? { covered: 0, total: await countLines(file) };
  sum.covered += covered;
  sum.total += total;
  const percent = (100 * covered) / total;
  if (total > 0 && percent < 80)
    console.log(`${percent.toFixed(0).padStart(3)} % ${path.relative(PROJECT, file)}`);
}

const percent = (100 * sum.covered) / sum.total;
console.log(`Line coverage of src: ${percent.toFixed(1)} % (at least ${MIN_PERCENT} %)`);
if (!(percent >= MIN_PERCENT)) process.exitCode = 1;
