import t from 'tap';
import { roundsFor } from '../../../src/segmentation/methods/kmeans.ts';
import { gaussianBlockSize } from '../../../src/segmentation/methods/threshold.ts';

t.test('the default number of rounds is what the number of colours allows', async (t) => {
  t.equal(roundsFor(1000, 4), 100);
  t.equal(roundsFor(6_666_666, 4), 100);
  t.equal(roundsFor(13_333_333, 4), 50);
  t.equal(roundsFor(2 ** 24, 16), 17);
  t.equal(roundsFor(1_000_000_000, 16), 1);
  t.equal(roundsFor(13_333_333, 4, 50), 50);
  t.throws(() => roundsFor(13_333_333, 4, 51), { code: 'validation_failed' });
});

t.test('the default block of a Gaussian threshold is what the size allows, and odd', async (t) => {
  for (const [width, height, side] of [
    [10, 10, 51],
    [14_000, 14_000, 51],
    [20_000, 10_000, 49],
    [20_000, 10_050, 49],
    [20_000, 20_000, 25],
    [100_000, 100_000, 3],
  ] as const) {
    t.equal(gaussianBlockSize({ width, height }), side, `${width}×${height}`);
  }
});
