import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';

const MODULE = path.resolve(import.meta.dirname, '../../src/core/log.ts');

/** Runs a script that has a logger called `log`, with its standard output in a file. */
function runWithLog(t: Test, output: string, script: string) {
  const file = openSync(output, 'w');
  t.teardown(() => closeSync(file));
  const source = `import { createLogger } from ${JSON.stringify(MODULE)}; const log = createLogger('info'); ${script}`;
  return spawnSync(process.execPath, ['--input-type=module', '--eval', source], {
    stdio: ['ignore', file, 'pipe'],
    encoding: 'utf8',
    timeout: 20_000,
  });
}

t.test('every line is written, in order, also those just before the end', async (t) => {
  const output = path.join(t.testdir(), 'log');
  const { status, stderr } = runWithLog(
    t,
    output,
    `for (let n = 0; n < 2000; n += 1) log.info({ n }, 'line'); setTimeout(() => { log.warn('last'); process.exit(3); }, 300);`,
  );
  t.equal(status, 3, stderr);
  const lines = readFileSync(output, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.strictSame(
    lines.slice(0, -1).map(({ n }) => n),
    Array.from({ length: 2000 }, (_, n) => n),
  );
  t.match(lines.at(-1), { level: 'warn', msg: 'last', time: /^\d{4}-\d\d-\d\dT.*Z$/ });
});

t.test(
  'a disk that is full stops nothing',
  { skip: existsSync('/dev/full') ? false : 'needs /dev/full' },
  async (t) => {
    const { status, stderr } = runWithLog(
      t,
      '/dev/full',
      `const timer = setInterval(() => log.error({ text: 'x'.repeat(5000) }, 'line'), 1);
       setTimeout(() => { clearInterval(timer); log.fatal('last'); process.stderr.write('it went on'); }, 1000);`,
    );
    t.equal(stderr, 'it went on');
    t.equal(status, 0);
  },
);
