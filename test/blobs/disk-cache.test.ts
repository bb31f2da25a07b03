import { createHash, randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { type DiskCache, openDiskCache } from '../../src/blobs/disk-cache.ts';
import { BlobRegistry } from '../../src/blobs/postgres/blob-registry.ts';
import { PostgresBlobStore } from '../../src/blobs/postgres/postgres-blob-store.ts';
import { withTransaction } from '../../src/db/database.ts';
import { openTemporaryFolder } from '../../src/system/temporary-folder.ts';
import { stageBytes } from '../support/blobs.ts';
import { createTestDatabase } from '../support/database.ts';
import { withSmallDisk } from '../support/small-disk.ts';

/** What the cache counts in. */
const BLOCK = 4096;

const folder = t.testdir();
const database = await (await createTestDatabase(t)).open();
const store = new PostgresBlobStore(database.pool);
const registry = new BlobRegistry(store);
const overflow = await openTemporaryFolder(path.join(folder, 'overflow'));

async function storeBlob(size: number): Promise<{ sha256: Buffer; size: number; bytes: Buffer }> {
  const bytes = randomBytes(size);
  const file = await stageBytes(folder, bytes);
  await withTransaction(database.pool, (_, transaction) => registry.add([file], transaction));
  return { sha256: file.sha256, size, bytes };
}

async function open(
  t: Test,
  maxBytes: number,
): Promise<{ cache: DiskCache; files: () => Promise<string[]> }> {
  const root = await mkdtemp(path.join(tmpdir(), 'coreframe-cache-'));
  const cache = await openDiskCache({ root, maxBytes, overflow, blobs: store });
  t.teardown(async () => {
    await cache.close();
    // Fails where anything is left.
    await rmdir(root);
  });
  const files = async () => {
    // Files are removed in the background.
    await sleep(30);
    const [process = ''] = (await readdir(root)).filter((name) => !name.endsWith('.lock'));
    return readdir(path.join(root, process));
  };
  return { cache, files };
}

t.test('a blob is fetched once, however many ask for it at the same time', async (t) => {
  const { cache } = await open(t, BLOCK * 10);
  const blob = await storeBlob(BLOCK * 5);
  const leases = await Promise.all(Array.from({ length: 50 }, () => cache.lease(blob.sha256, blob.size)));
  t.equal(new Set(leases.map((lease) => lease.path)).size, 1);
  t.ok((await readFile(leases[0]?.path ?? '')).equals(blob.bytes));
  t.equal(cache.misses, 1);
  t.equal(cache.hits, 49);
  for (const lease of leases) lease.release();
});

t.test('the least recently used file goes first, and never a leased one', async (t) => {
  const { cache, files } = await open(t, BLOCK * 10);
  const [a, b, c, d] = [
    await storeBlob(BLOCK * 4),
    await storeBlob(BLOCK * 4),
    await storeBlob(BLOCK * 4),
    await storeBlob(BLOCK * 4),
  ];
  const leaseA = await cache.lease(a.sha256, a.size);
  (await cache.lease(b.sha256, b.size)).release();
  const leaseC = await cache.lease(c.sha256, c.size);
  t.equal((await files()).length, 2, 'b, the only one that is not leased, has gone');
  t.equal(cache.bytes, BLOCK * 8);
  const leaseD = await cache.lease(d.sha256, d.size);
  t.equal(cache.bytes, BLOCK * 12, 'leased files are kept, over the limit');
  for (const [lease, { bytes }] of [
    [leaseA, a],
    [leaseC, c],
    [leaseD, d],
  ] as const) {
    t.ok((await readFile(lease.path)).equals(bytes));
  }
  leaseC.release();
  leaseC.release();
  t.equal(cache.bytes, BLOCK * 8, 'released twice is released once');
  leaseA.release();
  leaseD.release();
  const { misses } = cache;
  (await cache.lease(a.sha256, a.size)).release();
  (await cache.lease(d.sha256, d.size)).release();
  t.equal(cache.misses, misses, 'a and d are still there');
});

t.test('a blob larger than the cache is a file while it is leased, and pushes nothing out', async (t) => {
  const { cache, files } = await open(t, BLOCK * 10);
  const [small, large] = [await storeBlob(BLOCK * 4), await storeBlob(BLOCK * 50)];
  (await cache.lease(small.sha256, small.size)).release();
  const [first, second] = await Promise.all([
    cache.lease(large.sha256, large.size),
    cache.lease(large.sha256, large.size),
  ]);
  t.equal(first.path, second.path);
  first.release();
  t.ok((await readFile(second.path)).equals(large.bytes));
  second.release();
  t.equal((await files()).length, 1);
  t.equal(cache.bytes, BLOCK * 4);
});

t.test('a cache of no bytes still serves', async (t) => {
  const { cache, files } = await open(t, 0);
  const blob = await storeBlob(10);
  const lease = await cache.lease(blob.sha256, blob.size);
  t.ok((await readFile(lease.path)).equals(blob.bytes));
  lease.release();
  t.same(await files(), []);
});

t.test('an adopted file is moved in and not fetched', async (t) => {
  const { cache } = await open(t, BLOCK * 10);
  const bytes = randomBytes(BLOCK * 3);
  const sha256 = createHash('sha256').update(bytes).digest();
  const file = path.join(folder, 'adopted');
  // Not in the store at all: it can only come from the adopted file.
  await writeFile(file, bytes);
  t.equal(await cache.adopt(file, sha256, BLOCK * 3), true);
  const lease = await cache.lease(sha256, BLOCK * 3);
  t.ok((await readFile(lease.path)).equals(bytes));
  lease.release();
  t.equal(cache.misses, 0);
});

t.test('files that were written in the cache are adopted, the least recently used go first', async (t) => {
  const { cache, files } = await open(t, BLOCK * 10);
  for (const size of [BLOCK * 3, BLOCK * 6]) {
    const bytes = randomBytes(size);
    const file = cache.newPath();
    await writeFile(file, bytes);
    const sha256 = createHash('sha256').update(bytes).digest();
    t.equal(await cache.adopt(file, sha256, size), true);
    const lease = await cache.lease(sha256, size);
    t.ok((await readFile(lease.path)).equals(bytes));
    lease.release();
  }
  const other = cache.newPath();
  await writeFile(other, randomBytes(BLOCK * 3));
  await cache.adopt(other, randomBytes(32), BLOCK * 3);
  t.strictSame(
    [cache.misses, cache.bytes, (await files()).length],
    [0, BLOCK * 9, 2],
    'the oldest was removed',
  );
});

t.test('a file on another file system is moved, too', async (t) => {
  const { cache } = await open(t, BLOCK * 10);
  const other = await mkdtemp('/dev/shm/coreframe-test-').catch(() => undefined);
  if (other === undefined || statSync(other).dev === statSync(folder).dev) {
    t.pass('', { skip: 'needs a second file system' });
    return;
  }
  t.teardown(() => rm(other, { recursive: true }));
  const file = path.join(other, 'result');
  const bytes = randomBytes(BLOCK * 3);
  await writeFile(file, bytes);
  // It was copied and left there.
  t.equal(await cache.adopt(file, createHash('sha256').update(bytes).digest(), BLOCK * 3), true);
  t.strictSame(await readdir(other), []);
});

t.test('a file that cannot be adopted is left where it is, without an error', async (t) => {
  const { cache } = await open(t, BLOCK * 10);
  const file = path.join(folder, 'too-large');
  await writeFile(file, randomBytes(BLOCK * 20));
  t.equal(await cache.adopt(file, randomBytes(32), BLOCK * 20), false);
  t.equal((await readFile(file)).length, BLOCK * 20);
  t.equal(await cache.adopt(path.join(folder, 'missing'), randomBytes(32), 20), false);
  t.equal(cache.bytes, 0);
});

t.test('a forgotten file goes with its last lease, and is fetched anew when asked for again', async (t) => {
  const { cache, files } = await open(t, BLOCK * 10);
  const blob = await storeBlob(BLOCK * 3);
  const lease = await cache.lease(blob.sha256, blob.size);
  cache.forget(blob.sha256);
  t.ok((await readFile(lease.path)).equals(blob.bytes), 'still there for who leases it');
  const again = await cache.lease(blob.sha256, blob.size);
  t.equal(cache.misses, 2);
  lease.release();
  await sleep(30);
  t.ok((await readFile(again.path)).equals(blob.bytes), 'the end of the old file leaves the new one alone');
  again.release();
  cache.forget(blob.sha256);
  t.same(await files(), []);
  t.equal(cache.bytes, 0);
});

t.test('a file that something else removed is fetched again', async (t) => {
  const { cache } = await open(t, BLOCK * 10);
  const blob = await storeBlob(BLOCK * 3);
  const first = await cache.lease(blob.sha256, blob.size);
  first.release();
  await rm(first.path);
  const leases = await Promise.all([1, 2, 3].map(() => cache.lease(blob.sha256, blob.size)));
  for (const lease of leases) {
    t.ok((await readFile(lease.path)).equals(blob.bytes));
    lease.release();
  }
});

t.test('bytes that do not match their hash or size are never served', async (t) => {
  const { cache, files } = await open(t, BLOCK * 10);
  const blob = await storeBlob(BLOCK * 3);
  await t.rejects(cache.lease(blob.sha256, BLOCK * 3 - 1), { message: /do not match/ });
  await database.pool.query('UPDATE blob_chunks SET data = $2 WHERE sha256 = $1', [
    blob.sha256,
    randomBytes(BLOCK * 3),
  ]);
  await t.rejects(cache.lease(blob.sha256, BLOCK * 3), { message: /do not match/ });
  t.same(await files(), []);
  t.equal(cache.bytes, 0);
});

t.test('a failed fetch fails for all who wait, and the next one tries anew', async (t) => {
  const { cache } = await open(t, BLOCK * 10);
  const unknown = randomBytes(32);
  const results = await Promise.allSettled([1, 2, 3].map(() => cache.lease(unknown, 10)));
  t.same(
    results.map(({ status }) => status),
    ['rejected', 'rejected', 'rejected'],
  );
  await t.rejects(cache.lease(unknown, 10), { code: 'not_found' });
  t.equal(cache.misses, 2);
});

t.test('many leases and releases of more than fits keep the books right', async (t) => {
  const { cache, files } = await open(t, BLOCK * 10);
  const stored = await Promise.all(
    Array.from({ length: 12 }, (_, index) => storeBlob(BLOCK * (1 + (index % 3)))),
  );
  await Promise.all(
    Array.from({ length: 8 }, async (_, worker) => {
      for (let round = 0; round < 40; round++) {
        const blob = stored[(worker * 5 + round * 7) % stored.length];
        if (!blob) throw new Error('no blob');
        const lease = await cache.lease(blob.sha256, blob.size);
        const bytes = await readFile(lease.path);
        if (!bytes.equals(blob.bytes)) t.fail('other bytes');
        if (round % 11 === 0) cache.forget(blob.sha256);
        lease.release();
      }
    }),
  );
  const sizes = new Map(stored.map((blob) => [blob.sha256.toString('hex'), blob.size]));
  const onDisk = (await files()).reduce(
    (total, name) => total + (sizes.get(name.split('-')[0] ?? '') ?? 0),
    0,
  );
  t.equal(cache.bytes, onDisk);
  t.ok(cache.bytes <= BLOCK * 10);
});

/** Runs a test on a disk of a few blocks. */
async function onSmallDisk(t: Test, blocks: number, work: (root: string) => Promise<void>): Promise<void> {
  const isDone = await withSmallDisk(`size=${blocks * BLOCK}`, work);
  if (!isDone)
    t.pass('no file system can be mounted here', { skip: 'needs the privilege to mount a file system' });
}

t.test('a full disk takes new files in place of those that nobody leases', async (t) => {
  await onSmallDisk(t, 25, async (root) => {
    const cache = await openDiskCache({ root, maxBytes: 1_000_000, overflow, blobs: store });
    const [a, b] = [await storeBlob(BLOCK * 15), await storeBlob(BLOCK * 15)];
    (await cache.lease(a.sha256, a.size)).release();
    const lease = await cache.lease(b.sha256, b.size);
    t.equal(path.dirname(path.dirname(lease.path)), root);
    t.ok((await readFile(lease.path)).equals(b.bytes));
    lease.release();
    await cache.close();
  });
});

t.test('what a full disk has no room for is on the other disk while it is leased', async (t) => {
  await onSmallDisk(t, 25, async (root) => {
    const cache = await openDiskCache({ root, maxBytes: 1_000_000, overflow, blobs: store });
    const [a, b] = [await storeBlob(BLOCK * 15), await storeBlob(BLOCK * 15)];
    const leaseA = await cache.lease(a.sha256, a.size);
    const leases = await Promise.all([1, 2].map(() => cache.lease(b.sha256, b.size)));
    for (const lease of leases) {
      t.equal(path.dirname(lease.path), overflow.path);
      t.ok((await readFile(lease.path)).equals(b.bytes));
    }
    t.equal(cache.bytes, BLOCK * 15, 'it does not count');
    for (const lease of leases) lease.release();
    await sleep(30);
    t.strictSame(await readdir(overflow.path), []);
    leaseA.release();
    await cache.close();
  });
});

t.test('if both disks are full, there is no room to store', async (t) => {
  await onSmallDisk(t, 10, async (root) => {
    const full = { newPath: () => path.join(root, 'overflow') };
    const cache = await openDiskCache({ root, maxBytes: 1_000_000, overflow: full, blobs: store });
    const blob = await storeBlob(BLOCK * 15);
    await t.rejects(cache.lease(blob.sha256, blob.size), { name: 'AppError', code: 'storage_unavailable' });
    t.equal(cache.bytes, 0);
    t.strictSame(
      (await readdir(root)).filter((name) => name === 'overflow'),
      [],
      'nothing stays behind',
    );
    await cache.close();
  });
});

t.test('a cache on a disk smaller than its limit learns how much it can keep', async (t) => {
  await onSmallDisk(t, 100, async (root) => {
    const cache = await openDiskCache({ root, maxBytes: 1_000_000_000, overflow, blobs: store });
    const blobs = await Promise.all(Array.from({ length: 40 }, () => storeBlob(BLOCK * 5)));
    let evictions = 0;
    for (const blob of [...blobs, ...blobs]) {
      const before = cache.bytes;
      const lease = await cache.lease(blob.sha256, blob.size);
      if (cache.bytes < before) evictions += 1;
      t.ok((await readFile(lease.path)).equals(blob.bytes));
      lease.release();
    }
    t.equal(evictions, 1, 'the disk was full once');
    t.ok(cache.bytes > BLOCK * 50 && cache.bytes < BLOCK * 100, `${cache.bytes / BLOCK} blocks are kept`);
    await cache.close();
  });
});
