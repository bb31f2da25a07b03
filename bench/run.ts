/**
 * Runs benchmarks and soaks by name: `node bench/run.ts bench resize`, `node bench/run.ts soak memory`. Without a name
 * it lists them.
 */
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { printReport } from './support/report.ts';
import type { Bench, Soak } from './support/types.ts';

const FOLDERS = {
  bench: new URL('./', import.meta.url),
  soak: new URL('./soak/', import.meta.url),
};

async function namesIn(folder: URL): Promise<string[]> {
  const files = await readdir(fileURLToPath(folder));
  // Floors have a second dot: `resize.floor.ts`.
  return files
    .flatMap((file) => /^([\w-]+)\.ts$/.exec(file)?.[1] ?? [])
    .filter((name) => name !== 'run')
    .sort();
}

async function runBench(name: string): Promise<void> {
  const { bench }: { bench: Bench } = await import(new URL(`${name}.ts`, FOLDERS.bench).href);
  printReport(await bench());
}

async function runSoak(name: string): Promise<void> {
  const { soak }: { soak: Soak } = await import(new URL(`${name}.ts`, FOLDERS.soak).href);
  const { figures, failures } = await soak();
  for (const failure of failures) console.log(`FAILED: ${failure}`);
  if (failures.length > 0) process.exitCode = 1;
  console.log(JSON.stringify(figures));
}

const [kind, ...wanted] = process.argv.slice(2);
if (kind !== 'bench' && kind !== 'soak') throw new Error('The first argument must be bench or soak.');
const names = await namesIn(FOLDERS[kind]);
const unknown = wanted.filter((name) => !names.includes(name));
if (wanted.length === 0 || unknown.length > 0) {
  for (const name of unknown) console.error(`There is no ${kind} ${name}.`);
  console.error(`npm run ${kind} -- NAME, where NAME is one of: ${names.join(', ')}`);
  process.exitCode = unknown.length > 0 ? 1 : 0;
}
if (unknown.length === 0) for (const name of wanted) await (kind === 'bench' ? runBench : runSoak)(name);
