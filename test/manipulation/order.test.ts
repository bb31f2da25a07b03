import t from 'tap';
import { referenceKey } from '../../src/manipulation/operations/operation.ts';
import { OPERATION_NAMES } from '../../src/manipulation/operations/registry.ts';
import { decodePixels, differenceOf } from '../support/images.ts';
import { sourceOf } from './fixtures.ts';
import { paintFile, transform } from './run.ts';
import { SAMPLES, WATERMARK } from './samples.ts';

/**
 * sharp reorders and merges chained calls. Here every ordered pair of operations in one pipeline is held against doing
 * them one by one, with lossless files in between.
 */
const SOURCES = [
  ['opaque.png', 3],
  ['translucent.png', 4],
  ['photo.jpg', 3],
  ['grey.png', 1],
] as const;

for (const [name, channels] of SOURCES) {
  t.test(`every ordered pair of operations on ${name}`, async (t) => {
    const folder = t.testdir();
    const file = await paintFile(folder, name, { channels });
    const inputs = {
      [referenceKey(WATERMARK)]: sourceOf(
        await paintFile(folder, 'mark.png', { width: 24, height: 20, channels: 4 }),
      ),
    };
    const output = { format: 'png', compression_level: 1 };
    let pairs = 0;
    for (const first of OPERATION_NAMES) {
      const half = await transform(folder, file, { operations: [SAMPLES[first]], output }, { inputs });
      for (const second of OPERATION_NAMES) {
        const operations = [SAMPLES[first], SAMPLES[second]];
        const together = await transform(folder, file, { operations, output }, { inputs });
        const apart = await transform(
          folder,
          half.path,
          { operations: [SAMPLES[second]], output },
          { inputs },
        );
        const [found, wanted] = [await decodePixels(together.path), await decodePixels(apart.path)];
        const { mean, max } = differenceOf(found, wanted);
        if (mean > 1 || max > 4) t.fail(`${first}, ${second}: mean difference ${mean}, largest ${max}`);
        if (together.channels !== apart.channels)
          t.equal(together.channels, apart.channels, `${first}, ${second}: channels`);
        pairs += 1;
      }
    }
    t.equal(pairs, OPERATION_NAMES.length ** 2, `${pairs} pairs within a mean of 1 level and 4 at most`);
  });
}
