import sharp from 'sharp';
import t from 'tap';
import { encodePicturePng, paintPicture } from '../../../src/frames/picture/picture.ts';
import {
  createDepthBinner,
  createRowBinner,
  type GreyPicture,
  type RowBinner,
} from '../../../src/frames/picture/row-binner.ts';
import { findColormap } from '../../../src/frames/rows/colormap.ts';
import { isMasked, maskStride, setMasked } from '../../../src/frames/rows/null-mask.ts';
import { createRandom } from '../support.ts';

type Row = (number | null)[];

function add(binner: RowBinner, depth: number, row: Row): void {
  const mask = new Uint8Array(maskStride(row.length));
  row.forEach((value, x) => {
    if (value === null) setMasked(mask, 0, x);
  });
  binner.add(
    depth,
    Uint8Array.from(row, (value) => value ?? 99),
    0,
    row.includes(null) ? mask : null,
  );
}

function toRows({ width, height, pixels, nulls }: GreyPicture): Row[] {
  return Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (_, x) =>
      nulls && isMasked(nulls, y * maskStride(width), x) ? null : (pixels[y * width + x] as number),
    ),
  );
}

/** Area average over rows by the definition, in BigInt. */
function exactBins(rows: Row[], height: number): Row[] {
  const [count, bins] = [BigInt(rows.length), BigInt(height)];
  return Array.from({ length: height }, (_, y) => {
    const [from, to] = [BigInt(y) * count, BigInt(y + 1) * count];
    return (rows[0] ?? []).map((_, x) => {
      let sum = 0n;
      let covered = 0n;
      rows.forEach((row, index) => {
        const [start, stop] = [BigInt(index) * bins, BigInt(index + 1) * bins];
        const overlap = (stop < to ? stop : to) - (start > from ? start : from);
        const value = row[x];
        if (overlap <= 0n || value === null || value === undefined) return;
        sum += overlap * BigInt(value);
        covered += overlap;
      });
      return covered === 0n ? null : Number((2n * sum + covered) / (2n * covered));
    });
  });
}

t.test('bins of rows equal rational arithmetic', async (t) => {
  const random = createRandom(41);
  for (let index = 0; index < 200; index++) {
    const [count, height] = [1 + random.below(60), 1 + random.below(60)];
    const missing = random.pick([0, 0.2, 0.8]);
    const rows = Array.from({ length: count }, () =>
      Array.from({ length: 9 }, () => (random.chance(missing) ? null : random.below(256))),
    );
    const binner = createRowBinner(9, height, count);
    rows.forEach((row, at) => {
      add(binner, at, row);
    });
    if (JSON.stringify(toRows(binner.finish())) !== JSON.stringify(exactBins(rows, height))) {
      t.fail(`${count} rows to ${height}`);
    }
  }
  t.pass('200 pictures');
  const short = createRowBinner(1, 2, 3);
  add(short, 0, [1]);
  t.throws(() => short.finish(), RangeError);
  const long = createRowBinner(1, 2, 1);
  add(long, 0, [1]);
  t.throws(() => add(long, 0, [1]), RangeError);
});

function binDepths(
  rows: [depth: number, ...row: Row][],
  height: number,
  from: number,
  to: number,
  step: number,
): Row[] {
  const binner = createDepthBinner((rows[0]?.length ?? 1) - 1, height, { from, to, step });
  for (const [depth, ...row] of rows) add(binner, depth, row);
  return toRows(binner.finish());
}

t.test('bins of depths: means by depth, gaps stay gaps', async (t) => {
  const cases: [name: string, actual: Row[], expected: Row[]][] = [
    [
      'a bin per row',
      binDepths(
        [
          [1, 10],
          [2, 20],
          [3, 30],
        ],
        3,
        0.5,
        3.5,
        1,
      ),
      [[10], [20], [30]],
    ],
    [
      'more bins than rows',
      binDepths(
        [
          [1, 10],
          [2, 20],
        ],
        4,
        0.5,
        2.5,
        1,
      ),
      [[10], [10], [20], [20]],
    ],
    [
      'fewer bins than rows',
      binDepths(
        [
          [1, 10],
          [2, 20],
          [3, 30],
          [4, 41],
        ],
        2,
        0.5,
        4.5,
        1,
      ),
      [[15], [36]],
    ],
    [
      'a gap',
      binDepths(
        [
          [1, 10],
          [4, 40],
        ],
        4,
        0.5,
        4.5,
        1,
      ),
      [[10], [null], [null], [40]],
    ],
    ['before and after', binDepths([[2, 20]], 3, 0.5, 3.5, 1), [[null], [20], [null]]],
    ['no rows', binDepths([], 2, 0, 1, 1), [[], []]],
    [
      'an uneven step is not a gap',
      binDepths(
        [
          [1, 10],
          [2.4, 20],
        ],
        2,
        1,
        2.4,
        1,
      ),
      [[10], [20]],
    ],
    [
      'equal depths are averaged',
      binDepths(
        [
          [1, 10],
          [1, 20],
          [1, 60],
          [2, 5],
        ],
        2,
        0.5,
        2.5,
        1,
      ),
      [[30], [5]],
    ],
    [
      'missing pixels',
      binDepths(
        [
          [1, 10, null],
          [2, null, null],
        ],
        1,
        0.5,
        2.5,
        1,
      ),
      [[10, null]],
    ],
    [
      'missing in some of equal depths',
      binDepths(
        [
          [1, 10],
          [1, null],
        ],
        1,
        0.5,
        1.5,
        1,
      ),
      [[10]],
    ],
    [
      'rows outside the picture',
      binDepths(
        [
          [0, 1],
          [1, 10],
          [2, 20],
          [9, 99],
        ],
        2,
        0.5,
        2.5,
        1,
      ),
      [[10], [20]],
    ],
    [
      'steps that are not binary fractions',
      binDepths(
        [
          [9000.1, 1],
          [9000.2, 2],
          [9000.3, 3],
        ],
        3,
        9000.05,
        9000.35,
        0.1,
      ),
      [[1], [2], [3]],
    ],
    [
      'weights by overlap',
      binDepths(
        [
          [1, 0],
          [2, 90],
        ],
        1,
        1,
        2.5,
        1,
      ),
      [[60]],
    ],
  ];
  for (const [name, actual, expected] of cases) t.same(actual, expected, name);
  t.throws(
    () =>
      binDepths(
        [
          [2, 1],
          [1, 1],
        ],
        1,
        0,
        3,
        1,
      ),
    RangeError,
  );
  t.throws(() => createDepthBinner(1, 1, { from: 1, to: 1, step: 1 }), RangeError);
  t.throws(() => createDepthBinner(1, 1, { from: 1, to: 2, step: 0 }), RangeError);
});

t.test(
  'pictures decode to their colours: grey, palette, transparent, and with all levels and holes',
  async (t) => {
    const random = createRandom(43);
    for (const [name, levels, missing] of [
      ['core', 256, 0],
      ['grey', 256, 0],
      ['core', 200, 0.2],
      ['grey', 200, 0.2],
      ['viridis', 256, 0.2],
    ] as const) {
      const { table } = findColormap(name);
      const [width, height] = [67, 41];
      const pixels = Uint8Array.from({ length: width * height }, (_, at) =>
        at < levels ? at : random.below(levels),
      );
      const nulls = missing > 0 ? new Uint8Array(height * maskStride(width)) : null;
      if (nulls)
        for (let y = 10; y < height; y++)
          for (let x = 0; x < width; x++)
            if (random.chance(missing)) setMasked(nulls, y * maskStride(width), x);
      const picture = { width, height, pixels, nulls };
      const raw = paintPicture(picture, table);
      const png = sharp(Buffer.concat(await encodePicturePng(picture, table)));
      const channels = raw.channels === 4 ? png.ensureAlpha() : png.removeAlpha();
      const decoded = await channels.toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
      t.match(decoded.info, { width, height, channels: raw.channels });
      if (raw.channels === 4)
        for (let at = 0; at < decoded.data.length; at += 4)
          if (decoded.data[at + 3] === 0) decoded.data.fill(0, at, at + 3);
      t.ok(decoded.data.equals(raw.data), `${name}, ${levels} levels, ${missing} missing`);
      for (let at = 0; at < 20; at++) {
        const pixel = random.below(width * 10);
        t.same(
          [...raw.data.subarray(pixel * raw.channels, pixel * raw.channels + 3)],
          [...table.subarray(3 * (pixels[pixel] as number), 3 * (pixels[pixel] as number) + 3)],
        );
      }
    }
  },
);
