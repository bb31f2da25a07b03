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
import { stageBytes } from '../support/blobs.ts';
import { createTestDatabase } from '../support/database.ts';
import { withSmallDisk } from '../support/small-disk.ts';

const folder = t.testdir();
const database = await (await createTestDatabase(t)).open();
const store = new PostgresBlobStore(database.pool);
const registry = new BlobRegistry(store);

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
  const cache = await openDiskCache({ root, maxBytes, blobs: store });
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
  const { cache } = await open(t, 1000);
  const blob = await storeBlob(500);
  const leases = await Promise.all(Array.from({ length: 50 }, () => cache.lease(blob.sha256, blob.size)));
  t.equal(new Set(leases.map((lease) => lease.path)).size, 1);
  t.ok((await readFile(leases[0]?.path ?? '')).equals(blob.bytes));
  t.equal(cache.misses, 1);
  t.equal(cache.hits, 49);
  for (const lease of leases) lease.release();
});

t.test('the least recently used file goes first, and never a leased one', async (t) => {
  const { cache, files } = await open(t, 1000);
  const [a, b, c, d] = [
    await storeBlob(400),
    await storeBlob(400),
    await storeBlob(400),
    await storeBlob(400),
  ];
  const leaseA = await cache.lease(a.sha256, a.size);
  (await cache.lease(b.sha256, b.size)).release();
  const leaseC = await cache.lease(c.sha256, c.size);
  t.equal((await files()).length, 2, 'b, the only one that is not leased, has gone');
  t.equal(cache.bytes, 800);
  const leaseD = await cache.lease(d.sha256, d.size);
  t.equal(cache.bytes, 1200, 'leased files are kept, over the limit');
  for (const [lease, { bytes }] of [
    [leaseA, a],
    [leaseC, c],
    [leaseD, d],
  ] as const) {
    t.ok((await readFile(lease.path)).equals(bytes));
  }
  leaseC.release();
  leaseC.release();
  t.equal(cache.bytes, 800, 'released twice is released once');
  leaseA.release();
  leaseD.release();
  const { misses } = cache;
  (await cache.lease(a.sha256, a.size)).release();
  (await cache.lease(d.sha256, d.size)).release();
  t.equal(cache.misses, misses, 'a and d are still there');
});

t.test('a blob larger than the cache is a file while it is leased, and pushes nothing out', async (t) => {
  const { cache, files } = await open(t, 1000);
  const [small, large] = [await storeBlob(400), await storeBlob(5000)];
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
  t.equal(cache.bytes, 400);
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
  const { cache } = await open(t, 1000);
  const bytes = randomBytes(300);
  const sha256 = createHash('sha256').update(bytes).digest();
  const file = path.join(folder, 'adopted');
  // Not in the store at all: it can only come from the adopted file.
  await writeFile(file, bytes);
  t.equal(await cache.adopt(file, sha256, 300), true);
  const lease = await cache.lease(sha256, 300);
  t.ok((await readFile(lease.path)).equals(bytes));
  lease.release();
  t.equal(cache.misses, 0);
});

t.test('files that were written in the cache are adopted, the least recently used go first', async (t) => {
  const { cache, files } = await open(t, 1000);
  for (const size of [300, 600]) {
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
  await writeFile(other, randomBytes(300));
  await cache.adopt(other, randomBytes(32), 300);
  t.strictSame([cache.misses, cache.bytes, (await files()).length], [0, 900, 2], 'the oldest was removed');
});

t.test('a file on another file system is moved, too', async (t) => {
  const { cache } = await open(t, 1000);
  const other = await mkdtemp('/dev/shm/coreframe-test-').catch(() => undefined);
  if (other === undefined || statSync(other).dev === statSync(folder).dev) {
    t.pass('', { skip: 'there is no second file system' });
    return;
  }
  t.teardown(() => rm(other, { recursive: true }));
  const file = path.join(other, 'result');
  const bytes = randomBytes(300);
  await writeFile(file, bytes);
  // It was copied and left there.
  t.equal(await cache.adopt(file, createHash('sha256').update(bytes).digest(), 300), true);
  t.strictSame(await readdir(other), []);
});

t.test('a file that cannot be adopted is left where it is, without an error', async (t) => {
  const { cache } = await open(t, 1000);
  const file = path.join(folder, 'too-large');
  await writeFile(file, randomBytes(2000));
  t.equal(await cache.adopt(file, randomBytes(32), 2000), false);
  t.equal((await readFile(file)).length, 2000);
  t.equal(await cache.adopt(path.join(folder, 'missing'), randomBytes(32), 20), false);
  t.equal(cache.bytes, 0);
});

t.test('a forgotten file goes with its last lease, and is fetched anew when asked for again', async (t) => {
  const { cache, files } = await open(t, 1000);
  const blob = await storeBlob(300);
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
  const { cache } = await open(t, 1000);
  const blob = await storeBlob(300);
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
  const { cache, files } = await open(t, 1000);
  const blob = await storeBlob(300);
  await t.rejects(cache.lease(blob.sha256, 299), { message: /do not match/ });
  await database.pool.query('UPDATE blob_chunks SET data = $2 WHERE sha256 = $1', [
    blob.sha256,
    randomBytes(300),
  ]);
  await t.rejects(cache.lease(blob.sha256, 300), { message: /do not match/ });
  t.same(await files(), []);
  t.equal(cache.bytes, 0);
});

t.test('a failed fetch fails for all who wait, and the next one tries anew', async (t) => {
  const { cache } = await open(t, 1000);
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
  const { cache, files } = await open(t, 1000);
  const stored = await Promise.all(Array.from({ length: 12 }, (_, index) => storeBlob(100 + index * 10)));
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
  t.ok(cache.bytes <= 1000);
});

t.test('on a full disk, what nobody leases makes room; then there is no room to store', async (t) => {
  const isDone = await withSmallDisk('size=100k', async (root) => {
    const cache = await openDiskCache({ root, maxBytes: 1_000_000, blobs: store });
    const [a, b] = [await storeBlob(60_000), await storeBlob(60_000)];
    (await cache.lease(a.sha256, a.size)).release();
    const lease = await cache.lease(b.sha256, b.size);
    t.ok((await readFile(lease.path)).equals(b.bytes));
    await t.rejects(cache.lease(a.sha256, a.size), { name: 'AppError', code: 'storage_unavailable' });
    lease.release();
    (await cache.lease(a.sha256, a.size)).release();
    await cache.close();
  });
  if (!isDone) t.plan(0, 'no file system can be mounted here');
});
