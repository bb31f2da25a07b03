import { randomBytes } from 'node:crypto';
import t from 'tap';
import { createMemoryCache } from '../../src/blobs/memory-cache.ts';

const bytesOf = (size: number) => async () => Buffer.alloc(size);

t.test('a blob is loaded once, however many ask for it at the same time', async (t) => {
  const cache = createMemoryCache(10_000);
  const key = randomBytes(32);
  let loads = 0;
  const load = async () => {
    loads += 1;
    return Buffer.from('abc');
  };
  const results = await Promise.all(Array.from({ length: 10 }, () => cache.get(key, load)));
  t.ok(results.every((bytes) => bytes.toString() === 'abc'));
  await cache.get(key, load);
  t.equal(loads, 1);
  t.equal(cache.misses, 1);
  t.equal(cache.hits, 10);
});

t.test('the least recently used go first', async (t) => {
  const cache = createMemoryCache(10_000);
  const [a, b, c] = [randomBytes(32), randomBytes(32), randomBytes(32)];
  await cache.get(a, bytesOf(4000));
  await cache.get(b, bytesOf(4000));
  await cache.get(a, bytesOf(4000));
  await cache.get(c, bytesOf(4000));
  const { misses } = cache;
  await cache.get(a, bytesOf(4000));
  await cache.get(c, bytesOf(4000));
  t.equal(cache.misses, misses);
  await cache.get(b, bytesOf(4000));
  t.equal(cache.misses, misses + 1);
});

for (const [limit, size] of [
  [0, 0],
  [0, 10],
  [100, 101],
  [1000, 500],
] as const) {
  t.test(`${size} bytes are passed through with a limit of ${limit}`, async (t) => {
    const cache = createMemoryCache(limit);
    const key = randomBytes(32);
    t.equal((await cache.get(key, bytesOf(size))).length, size);
    await cache.get(key, bytesOf(size));
    t.equal(cache.misses, 2);
  });
}

t.test('a failed load is tried again by the next one', async (t) => {
  const cache = createMemoryCache(10_000);
  const key = randomBytes(32);
  await t.rejects(
    cache.get(key, async () => {
      throw new Error('gone');
    }),
    { message: 'gone' },
  );
  t.equal((await cache.get(key, bytesOf(3))).length, 3);
});

t.test('a forgotten blob is not kept, even if it was being loaded', async (t) => {
  const cache = createMemoryCache(10_000);
  const key = randomBytes(32);
  const loading = cache.get(key, bytesOf(3));
  cache.forget(key);
  await loading;
  await cache.get(key, bytesOf(4));
  cache.forget(key);
  t.equal((await cache.get(key, bytesOf(5))).length, 5);
  t.equal(cache.misses, 3);
});
