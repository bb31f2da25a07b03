// Reads the TAP report of a test run and prints how many assertions passed and failed on its last line.
// Usage: node scripts/summarize-tests.ts REPORT [--no-skips]
// With --no-skips, a skipped test is a failure unless it needs the shared data beside the project.
import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Parser } from 'tap-parser';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'no-skips': { type: 'boolean', default: false } },
});
const [report = ''] = positionals;

/** Reasons of skips that --no-skips allows. */
const SHARED_DATA = /shared data/i;

const text = existsSync(report) ? readFileSync(report, 'utf8') : '';
let passed = 0;
let failed = 0;
for (const [kind, result] of Parser.parse(text, { flat: true })) {
  if (kind === 'bailout') failed += 1;
  if (kind !== 'assert') continue;
  const name = result.fullname || result.name;
  if (result.skip) {
    console.log(`skipped: ${name}: ${result.skip}`);
    if (values['no-skips'] && !SHARED_DATA.test(String(result.skip))) failed += 1;
  } else if (result.ok) passed += 1;
  else {
    console.log(`failed: ${name}`);
    failed += 1;
  }
}
// A run without a complete report has failed, whatever passed until then.
if (!/^1\.\.\d+/m.test(text)) failed += 1;
console.log(`${passed} passed, ${failed} failed`);
if (failed > 0 || passed === 0) process.exitCode = 1;
