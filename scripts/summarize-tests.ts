// Reads the TAP report of a test run and says in one sentence what passed and what was skipped.
// Usage: node scripts/summarize-tests.ts [--ci]
// With --ci, lists every failure; the last line has the numbers of assertions, and a skipped test is a failure unless it needs
// test data that is not in the project.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Parser } from 'tap-parser';

const { values } = parseArgs({ options: { ci: { type: 'boolean', default: false } } });
const report = path.join(import.meta.dirname, '../.tap/report.tap');

/** Characters of a difference that are shown. */
const MAX_DIFF = 4_000;

/** The reason of skips that --ci allows. */
const TEST_DATA = /^needs test data/;

const text = existsSync(report) ? readFileSync(report, 'utf8') : '';
let passed = 0;
const failures: string[] = [];
/** Where each of them is and what differs. */
const details: string[] = [];
const skips: { name: string; reason: string }[] = [];
for (const [kind, result] of Parser.parse(text, { flat: true })) {
  if (kind === 'bailout') failures.push('bail out');
  if (kind !== 'assert') continue;
  const name = result.fullname || result.name;
  if (result.skip) skips.push({ name, reason: String(result.skip) });
  else if (result.ok) passed += 1;
  else {
    failures.push(name);
    const { at, diff } = result.diag ?? {};
    details.push(`${name} (${at?.fileName}:${at?.lineNumber})\n${String(diff ?? '').slice(0, MAX_DIFF)}`);
  }
}
// A run without a complete report has failed, whatever passed until then.
if (!/^1\.\.\d+/m.test(text)) failures.push('the report is incomplete');

/** `a`, `a and b`, `a, b and c`. */
function enumerate(parts: readonly string[]): string {
  return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}

function sentence(): string {
  const all = `All ${passed.toLocaleString('en-US')} checks passed`;
  if (skips.length === 0) return `${all}, and nothing was skipped.`;
  const counts = Map.groupBy(skips, ({ reason }) => reason.replace(/^needs /, ''));
  const reasons = [...counts].map(([what, { length }]) => `${length} for want of ${what}`);
  return `${all}; ${skips.length} were skipped: ${enumerate(reasons)}. CONTRIBUTING.md says how to run them.`;
}

if (values.ci) {
  const forbidden = skips.filter(({ reason }) => !TEST_DATA.test(reason));
  for (const { name, reason } of skips) console.log(`skipped: ${name}: ${reason}`);
  for (const detail of details) console.log(detail);
  for (const name of failures) console.log(`failed: ${name}`);
  const failed = failures.length + forbidden.length;
  console.log(`${passed} passed, ${failed} failed`);
  if (failed > 0 || passed === 0) process.exitCode = 1;
} else if (failures.length > 0) {
  console.log(`${failures.length} checks failed: ${failures.slice(0, 20).join('; ')}`);
  process.exitCode = 1;
} else {
  console.log(sentence());
}
