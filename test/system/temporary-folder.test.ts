import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { openTemporaryFolder } from '../../src/system/temporary-folder.ts';
import { withSmallDisk } from '../support/small-disk.ts';

const MODULE = path.resolve(import.meta.dirname, '../../src/system/temporary-folder.ts');

/** Another process that opens a folder, puts a file into it and waits. */
async function startOwner(root: string) {
  const script = `import { writeFileSync } from 'node:fs';
    const { openTemporaryFolder } = await import(${JSON.stringify(MODULE)});
    const folder = await openTemporaryFolder(${JSON.stringify(root)});
    writeFileSync(folder.newPath(), 'bytes');
    process.send(folder.path);
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  const [folder]: unknown[] = await once(child, 'message');
  return { folder: String(folder), child };
}

t.test('paths are new and in a folder of their own; removing it leaves nothing', async (t) => {
  const root = path.join(t.testdir(), 'made', 'deep');
  const [a, b] = [await openTemporaryFolder(root), await openTemporaryFolder(root)];
  t.not(a.path, b.path);
  t.not(a.newPath(), a.newPath());
  await writeFile(a.newPath(), 'x');
  await a.remove();
  await t.rejects(access(a.path), { code: 'ENOENT' });
  await access(b.path);
  await b.remove();
  t.same(await readdir(root), []);
});

t.test('a start sweeps the folders of killed processes, never those of living ones', async (t) => {
  const root = t.testdir({ 'notes.txt': 'not ours', process: {}, 'process-short': { a: '' } });
  const [living, killed] = await Promise.all([startOwner(root), startOwner(root)]);
  killed.child.kill('SIGKILL');
  await once(killed.child, 'exit');
  const own = await openTemporaryFolder(root);
  t.equal((await readdir(living.folder)).length, 1);
  await t.rejects(access(killed.folder), { code: 'ENOENT' });
  t.same(
    (await readdir(root)).sort(),
    [
      'notes.txt',
      'process',
      'process-short',
      ...[living.folder, own.path].flatMap((folder) => [
        path.basename(folder),
        `${path.basename(folder)}.lock`,
      ]),
    ].sort(),
  );
  living.child.kill('SIGKILL');
  await once(living.child, 'exit');
  await own.remove();
});

t.test('a folder whose lock was lost has no owner', async (t) => {
  const root = t.testdir({ 'process-0123456789abcdef': { a: 'x' } });
  const own = await openTemporaryFolder(root);
  t.same(await readdir(root).then((names) => names.filter((name) => name.includes('0123456789abcdef'))), []);
  await own.remove();
});

t.test('starts at the same time do not sweep each other', async (t) => {
  const root = t.testdir();
  const folders = await Promise.all(Array.from({ length: 20 }, () => openTemporaryFolder(root)));
  await Promise.all(folders.map((folder) => writeFile(folder.newPath(), 'x')));
  await Promise.all(folders.map((folder) => folder.remove()));
  t.same(await readdir(root), []);
});

for (const inodes of [2, 3]) {
  t.test(`a disk with room for ${inodes - 2} more files is full`, async (t) => {
    const isDone = await withSmallDisk(`size=64k,nr_inodes=${inodes}`, async (folder) => {
      await writeFile(path.join(folder, 'a'), '');
      await t.rejects(openTemporaryFolder(folder), { name: 'AppError', code: 'storage_unavailable' });
    });
    if (!isDone) t.plan(0, 'no file system can be mounted here');
  });
}
