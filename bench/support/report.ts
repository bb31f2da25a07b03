import { median } from './compare.ts';
import type { BenchReport, CacheCounts, Comparison, CpuSeconds, SideResult } from './types.ts';

const sum = (cpu: CpuSeconds): number => Object.values(cpu).reduce((total, seconds) => total + seconds, 0);

function significant(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

function describeCaches(caches: CacheCounts): string {
  const parts = Object.entries(caches)
    .filter(([, { hits, misses }]) => hits + misses > 0)
    .map(([name, { hits, misses }]) => `${name} ${hits} of ${hits + misses}`);
  return parts.length === 0 ? 'none' : parts.join(', ');
}

function describeCpu({ cpu, operations }: SideResult): string {
  const milliseconds = (seconds: number) => significant((seconds * 1000) / operations);
  const parts = Object.entries(cpu).map(([part, seconds]) => `${part} ${milliseconds(seconds)}`);
  return parts.length > 1 ? `${milliseconds(sum(cpu))} (${parts.join(', ')})` : milliseconds(sum(cpu));
}

/** A table whose first row is the head. All columns but the first are aligned to the right. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [line(head), rule, ...body.map(line)].join('\n');
}

/** Prints a table, the details, and the ratios and figures as one line of JSON. */
export function printReport(report: Comparison[] | BenchReport): void {
  const { comparisons, figures } = Array.isArray(report) ? { comparisons: report, figures: [] } : report;
  const head = ['', 'ours/s', 'floor/s', 'ratio', 'min', 'max', 'CPU s ours', 'CPU s floor', 'CPU ratio'];
  const rows = comparisons.map(({ name, ours, floor, ratios }) => [
    name,
    significant(ours.rate),
    significant(floor.rate),
    median(ratios).toFixed(3),
    (ratios[0] ?? Number.NaN).toFixed(3),
    (ratios.at(-1) ?? Number.NaN).toFixed(3),
    sum(ours.cpu).toFixed(2),
    sum(floor.cpu).toFixed(2),
    (sum(floor.cpu) / sum(ours.cpu)).toFixed(3),
  ]);
  if (rows.length > 0) console.log(`\n${formatTable([head, ...rows])}\n`);
  for (const { name, what, ours, floor, ratios, caches } of comparisons) {
    console.log(`${name}: ${what}; ${ours.operations} operations per side in ${ratios.length} pairs of runs`);
    console.log(`  CPU ms per operation: ours ${describeCpu(ours)}; floor ${describeCpu(floor)}`);
    console.log(`  cache hits: ${describeCaches(caches)}`);
  }
  for (const { name, what, value, limit } of figures) {
    console.log(`${name}: ${significant(value)}${limit === undefined ? '' : `, at most ${limit}`}; ${what}`);
  }
  const result = [
    ...comparisons.map(({ name, ratios }): [string, number] => [name, Number(median(ratios).toFixed(3))]),
    ...figures.map(({ name, value }): [string, number] => [name, Number(value.toPrecision(4))]),
  ];
  console.log(JSON.stringify(Object.fromEntries(result)));
}
