import t from 'tap';
import {
  mapLevels,
  normalizationTable,
  rowRange,
  SlidingRange,
  type ValueRange,
} from '../../../src/frames/rows/normalize.ts';
import { createRandom } from '../support.ts';

t.test('a range is spread over 0 to 255, rounded half up', async (t) => {
  t.same(
    [...normalizationTable({ min: 0, max: 255 })],
    Array.from({ length: 256 }, (_, level) => level),
  );
  const table = normalizationTable({ min: 10, max: 12 });
  t.same([...table.subarray(9, 14)], [0, 0, 128, 255, 255]);
  const constant = normalizationTable({ min: 50, max: 50 });
  t.same([constant[0], constant[50], constant[51]], [0, 0, 255]);
  const pixels = Uint8Array.of(9, 10, 11, 12);
  mapLevels(pixels, 1, 2, table);
  t.same([...pixels], [9, 0, 128, 12]);
});

t.test('a row’s range leaves missing pixels out', async (t) => {
  const pixels = Uint8Array.of(0, 0, 0, 7, 3, 255);
  t.same(rowRange({ pixels, nulls: null }, 1, 3), { min: 3, max: 255 });
  t.same(rowRange({ pixels, nulls: Uint8Array.of(0, 0b100) }, 1, 3), { min: 3, max: 7 });
  t.same(rowRange({ pixels, nulls: Uint8Array.of(1) }, 0, 1), { min: 256, max: -1 });
});

t.test('a sliding range equals the range of the rows within half a window, for any window', async (t) => {
  const random = createRandom(21);
  for (let log = 0; log < 100; log++) {
    const window = random.pick([0.1, 0.2, 2, 7, 1000]);
    let tenths = 90_000;
    const rows = Array.from({ length: 200 }, () => {
      tenths += random.pick([0, 1, 1, 1, 1, random.below(40)]);
      const min = random.below(256);
      const range: ValueRange = random.chance(0.1)
        ? { min: 256, max: -1 }
        : { min, max: min + random.below(256 - min) };
      return { tenths, depth: Number((tenths / 10).toFixed(1)), range };
    });
    // In whole tenths, so that what lies on the edge is beyond doubt.
    const expected = rows.map((centre) => {
      const near = rows.filter((row) => 2 * Math.abs(row.tenths - centre.tenths) <= Math.round(window * 10));
      return {
        min: Math.min(...near.map(({ range }) => range.min)),
        max: Math.max(...near.map(({ range }) => range.max)),
      };
    });
    const sliding = new SlidingRange(window);
    let ahead = 0;
    const ranges = rows.map(({ depth }) => {
      for (let next = rows[ahead]; next && next.depth <= sliding.reachOf(depth); next = rows[++ahead]) {
        sliding.add(next.depth, next.range);
      }
      return sliding.rangeAt(depth);
    });
    t.same(ranges, expected, `log ${log}, window ${window}`);
  }
});
