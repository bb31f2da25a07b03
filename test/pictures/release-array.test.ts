import sharp from 'sharp';
import t from 'tap';
import { releaseArray } from '../../src/pictures/release-array.ts';

t.test('an array of its own is empty afterwards, and its memory given back', async (t) => {
  const array = new Uint16Array(1000);
  releaseArray(array);
  t.equal(array.length, 0);
  t.equal(array.buffer.detached, true);
});

t.test('pixels that sharp decoded are counted no more', async (t) => {
  const create = { width: 2000, height: 2000, channels: 3 as const, background: 'red' };
  const pixels = await sharp({ create }).raw().toBuffer();
  const before = process.memoryUsage().external;
  releaseArray(pixels);
  t.equal(pixels.length, 0);
  t.ok(before - process.memoryUsage().external >= 11_900_000);
});

t.test('a part of something larger stays as it is', async (t) => {
  const whole = Uint8Array.of(1, 2, 3, 4);
  releaseArray(whole.subarray(1, 3));
  t.strictSame([...whole], [1, 2, 3, 4]);
});
