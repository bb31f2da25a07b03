import { createHash, randomInt } from 'node:crypto';
import { readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import type { Manifest } from '../../src/backup/manifest.ts';
import { checkFiles } from '../../src/backup/verify.ts';
import { createTestApp } from '../support/app.ts';
import { createEmptyDatabase } from '../support/database.ts';
import {
  backUpTo,
  filesOf,
  fill,
  makeBackupFolder,
  QUIET,
  restoreTo,
  runCommand,
  tablesOf,
  withFlippedBit,
} from './support.ts';

const app = await createTestApp(t);
await fill(app);
const folder = await makeBackupFolder(t);
const { name } = await backUpTo(folder, app.config.DATABASE_URL ?? '');
const backup = folder.pathOf(name);
const empty = await createEmptyDatabase(t);
const files = await filesOf(folder);

/** What is said of a damaged file, or undefined if nobody noticed. */
const faultOf = async (work: () => Promise<unknown>): Promise<string | undefined> =>
  work().then(
    () => undefined,
    (error: Error) => (error.name === 'BackupError' ? error.message : error.stack),
  );

t.test('there are files of every kind', async (t) => {
  t.ok(files.length > 12);
  for (const kind of [/manifest\.json$/, /manifest\.sha256$/, /frames\.copy$/, /blobs\/[0-9a-f]{2}\//])
    t.ok(files.some((file) => kind.test(file)));
  t.same(await checkFiles(folder, QUIET), {
    backups: 1,
    blobs: files.filter((file) => file.includes('/blobs/')).length,
  });
});

for (const file of files) {
  t.test(
    `${path.relative(folder.root, file)}: damage is found by verify and by restore, which changes nothing`,
    async (t) => {
      const expectFault = async (what: string) => {
        const message = await faultOf(() => checkFiles(folder, QUIET));
        t.ok(message?.includes(file) || message?.includes('manifest.sha256'), `${what}: verify: ${message}`);
        const refusal = await faultOf(() => restoreTo(folder, empty.url));
        t.ok(refusal?.includes(file) || refusal?.includes('manifest.sha256'), `${what}: restore: ${refusal}`);
        t.same(await tablesOf(empty.url), [], 'the database is still empty');
      };
      const original = await readFile(file);
      const bit = randomInt(original.length * 8);
      await withFlippedBit(file, bit, () => expectFault(`bit ${bit} flipped`));
      await truncate(file, original.length - 1);
      await expectFault('a byte short');
      await writeFile(file, original);
      await rename(file, `${file}.away`);
      await expectFault('missing');
      await rename(`${file}.away`, file);
    },
  );
}

t.test('damage that PostgreSQL stumbles over is named as damage of the file', async (t) => {
  const file = path.join(backup, 'images.copy');
  // The header, the number of fields, the length of the first one.
  for (const byte of [0, 20, 24]) {
    await withFlippedBit(file, byte * 8 + 1, async () => {
      t.match(await faultOf(() => restoreTo(folder, empty.url)), /images\.copy is damaged/);
    });
  }
  t.same(await tablesOf(empty.url), []);
});

/** Writes a manifest with a right checksum, as somebody could who wants to do harm. */
async function forge(change: (manifest: Manifest) => unknown): Promise<void> {
  const manifest = JSON.parse(original.toString());
  const bytes = Buffer.from(JSON.stringify(change(manifest) ?? manifest));
  await writeFile(manifestFile, bytes);
  const hash = createHash('sha256').update(bytes).digest('hex');
  await writeFile(path.join(backup, 'manifest.sha256'), `${hash}  manifest.json\n`);
}
const manifestFile = path.join(backup, 'manifest.json');
const original = await readFile(manifestFile);

const first = (manifest: Manifest) => manifest.tables[0] as Manifest['tables'][number];
const FORGERIES: [what: string, change: (manifest: Manifest) => unknown, says: RegExp][] = [
  [
    'a name that leads out of the folder',
    (m) => {
      first(m).name = '../../../etc/passwd';
    },
    /manifest\.json cannot be read.*name/,
  ],
  [
    'a name with a quotation mark',
    (m) => {
      first(m).name = 'a"b';
    },
    /cannot be read/,
  ],
  [
    'SQL as a column',
    (m) => {
      first(m).columns = ["id) FROM PROGRAM 'id' --"];
    },
    /cannot be read.*columns/,
  ],
  [
    'a column that does not exist',
    (m) => {
      first(m).columns.push('more');
    },
    /not those of its migration/,
  ],
  [
    'a column less',
    (m) => {
      first(m).columns.pop();
    },
    /not those of its migration/,
  ],
  [
    'a table less',
    (m) => {
      m.tables.pop();
    },
    /not those of its migration.*workers/,
  ],
  [
    'a table twice',
    (m) => {
      m.tables.push(first(m));
    },
    /listed twice/,
  ],
  [
    'a table that does not exist',
    (m) => {
      m.tables.push({ ...first(m), name: 'pg_authid' });
    },
    /pg_authid/,
  ],
  ['an unknown member', (m) => ({ ...m, path: '/etc' }), /cannot be read/],
  ['another format', (m) => ({ ...m, format: 2 }), /cannot be read.*format/],
  ['no JSON object', () => [], /cannot be read/],
  [
    'other rows',
    (m) => {
      first(m).rows += 1;
    },
    /rows instead of/,
  ],
  [
    'other bytes',
    (m) => {
      first(m).bytes += 1;
    },
    /bytes instead of/,
  ],
  [
    'other blobs',
    (m) => {
      m.blobs.count += 1;
    },
    /counts other blobs/,
  ],
  [
    'no table of blobs',
    (m) => {
      m.tables = m.tables.filter((table) => table.name !== 'blobs');
    },
    /blobs/,
  ],
  [
    'a newer migration',
    (m) => {
      m.migration = '9999_future';
      m.version = '9.9.9';
    },
    /made by Coreframe 9\.9\.9.*9999_future.*newer/,
  ],
];

t.test('a forged manifest is refused before anything is committed', async (t) => {
  t.teardown(() => forge(() => undefined));
  for (const [what, change, says] of FORGERIES) {
    await forge(change);
    const message = await faultOf(() => restoreTo(folder, empty.url));
    t.match(message, says, `${what}: ${message}`);
    t.same(await tablesOf(empty.url), [], what);
  }
  await writeFile(manifestFile, 'not JSON');
  const hash = createHash('sha256').update('not JSON').digest('hex');
  await writeFile(path.join(backup, 'manifest.sha256'), `${hash}  manifest.json\n`);
  t.match(await faultOf(() => restoreTo(folder, empty.url)), /cannot be read/);
});

t.test('verify ends with one sentence that names the damaged file, and exit code 1', async (t) => {
  const blob = files.find((file) => file.includes('/blobs/')) ?? '';
  for (const file of [blob, path.join(backup, 'frames.copy')]) {
    await withFlippedBit(file, 77, async () => {
      const { status, stdout, stderr } = await runCommand(t, ['verify', folder.root, '--quick']);
      t.equal(status, 1);
      t.equal(stdout, '');
      t.ok(stderr.includes(`${file} is damaged`), stderr);
      t.equal(stderr.trim().split('\n').length, 1);
    });
  }
  const { status, stdout } = await runCommand(t, ['verify', folder.root, '--quick']);
  t.equal(status, 0);
  t.match(stdout, /^The files of 1 backup and \d+ blobs match their hashes\. This took [\d.]+ s\.\n$/);
});

t.test('a damaged blob that was removed is written again by the next backup', async (t) => {
  const file = files.find((file) => file.includes('/blobs/')) ?? '';
  const bytes = await readFile(file);
  await rm(file);
  const { blobs } = await backUpTo(folder, app.config.DATABASE_URL ?? '');
  t.equal(blobs.newCount, 1);
  t.same(await readFile(file), bytes);
});
