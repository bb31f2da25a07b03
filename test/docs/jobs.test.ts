import { readFile, symlink } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { JOB_STATES } from '../../src/jobs/queue/job.ts';
import { startServer } from '../safety/processes.ts';
import { createTestDatabase } from '../support/database.ts';
import { makeReachableFolder } from '../support/folders.ts';
import { blocksOf, runBash, sectionOf } from './blocks.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const PAGE = await readFile(path.join(ROOT, 'docs/jobs.md'), 'utf8');

t.test('the commands of the page on jobs succeed as they stand, one after the other', async (t) => {
  const script = blocksOf(PAGE)
    .filter(({ language }) => language === 'bash')
    .map(({ code }) => code)
    .join('\n');
  const commands = script.match(/curl/g)?.length ?? 0;
  t.ok(commands >= 9, `${commands} requests`);
  t.equal(script.match(/curl -fsS/g)?.length, commands, 'each of them fails if the answer is a problem');

  const { url } = await createTestDatabase(t);
  const { port } = await startServer(t, { DATABASE_URL: url, DATA_DIR: await makeReachableFolder(t) });
  const folder = t.testdir();
  await symlink(path.join(ROOT, 'examples'), path.join(folder, 'examples'));
  await runBash(script, folder, { '127.0.0.1:8000': `127.0.0.1:${port}` });

  const made = (name: string) => readFile(path.join(folder, name));
  const archive = await made('results.zip');
  t.equal(archive.subarray(0, 2).toString(), 'PK');
  t.ok(archive.includes('manifest.json'));
  t.match((await made('errors.csv')).toString(), /^position,[^\n]*\r?\n$/, 'nothing failed');
  t.match((await made('headers.txt')).toString(), /^HTTP\/1.1 202 [\s\S]*preference-applied: respond-async/i);
});

t.test('the page lists all states', async (t) => {
  const states = [...sectionOf(PAGE, 'States').matchAll(/^\| `(\w+)` \|/gm)].map(([, state]) => state);
  t.strictSame(states.sort(), [...JOB_STATES].sort());
});
