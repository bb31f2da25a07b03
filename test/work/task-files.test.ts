import { readFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { writeNewFile } from '../../src/work/task-files.ts';
import { withSmallDisk } from '../support/small-disk.ts';

t.test('a file is written from parts, once', async (t) => {
  const file = path.join(t.testdir(), 'file');
  const parts = [Buffer.from('one '), Buffer.from('and two')];
  const written = await writeNewFile(file, parts);
  t.equal(await readFile(file, 'utf8'), 'one and two');
  t.strictSame(written, {
    sha256: '5452ae8ab37475e19cd13538c49c37d1f01d452a7304e6e367c1246e7a1f9d88',
    size: 11,
  });
  await t.rejects(writeNewFile(file, Buffer.from('again')), { code: 'EEXIST' });
});

t.test('a full disk is the failure of the service', async (t) => {
  const isDone = await withSmallDisk('size=64k', async (folder) => {
    const written = writeNewFile(path.join(folder, 'file'), Buffer.alloc(200_000));
    await t.rejects(written, { code: 'storage_unavailable' });
  });
  if (!isDone)
    t.pass('no small disk can be mounted here', { skip: 'needs the privilege to mount a file system' });
});
