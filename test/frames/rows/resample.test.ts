import t from 'tap';
import { isMasked, maskStride, setMasked } from '../../../src/frames/rows/null-mask.ts';
import { createResampler } from '../../../src/frames/rows/resample.ts';
import { RESAMPLE_KERNELS, type ResampleKernel } from '../../../src/frames/rows/resampler.ts';
import { needsTestData, readTestData } from '../../support/test-data.ts';
import { createRandom, parseLog } from '../support.ts';

type Row = (number | null)[];

function resampleRows(rows: Row[], width: number, kernel?: ResampleKernel): Row[] {
  const sourceWidth = rows[0]?.length ?? 0;
  const [from, to] = [maskStride(sourceWidth), maskStride(width)];
  const source = {
    pixels: new Uint8Array(rows.length * sourceWidth),
    nulls: new Uint8Array(rows.length * from),
  };
  rows.forEach((row, y) => {
    row.forEach((value, x) => {
      source.pixels[y * sourceWidth + x] = value ?? 99;
      if (value === null) setMasked(source.nulls, y * from, x);
    });
  });
  // Filled beforehand, to see that every byte is written.
  const target = {
    pixels: new Uint8Array(rows.length * width).fill(77),
    nulls: new Uint8Array(rows.length * to).fill(255),
  };
  createResampler(sourceWidth, width, kernel)(source, rows.length, target);
  return rows.map((_, y) =>
    Array.from({ length: width }, (_, x) =>
      isMasked(target.nulls, y * to, x) ? null : (target.pixels[y * width + x] as number),
    ),
  );
}

/** The area average by the definition, in BigInt fractions over the common denominator W·T. */
function exactArea(row: Row, width: number): Row {
  const [sourceWidth, targetWidth] = [BigInt(row.length), BigInt(width)];
  return Array.from({ length: width }, (_, x) => {
    const [from, to] = [BigInt(x) * sourceWidth, BigInt(x + 1) * sourceWidth];
    let sum = 0n;
    let covered = 0n;
    row.forEach((value, at) => {
      const [start, stop] = [BigInt(at) * targetWidth, BigInt(at + 1) * targetWidth];
      const overlap = (stop < to ? stop : to) - (start > from ? start : from);
      if (overlap <= 0n || value === null) return;
      sum += overlap * BigInt(value);
      covered += overlap;
    });
    return covered === 0n ? null : Number((2n * sum + covered) / (2n * covered));
  });
}

t.test('the oracle rows of the classic file', needsTestData('image-log.csv', 'expected.json'), async (t) => {
  const [file, oracle] = [readTestData('image-log.csv'), readTestData('expected.json')];
  const expected: Record<string, number[]> = JSON.parse(oracle.toString())['image-log.csv'].area_average_150;
  const { rows } = parseLog(file);
  for (const [depth, pixels] of Object.entries(expected)) {
    const row = rows.find((candidate) => candidate.depth === Number(depth));
    t.same(resampleRows([row?.pixels ?? []], 150)[0], pixels, `depth ${depth}`);
  }
  const all = resampleRows(
    rows.map(({ pixels }) => pixels),
    150,
  );
  const wrong = all.filter((row, index) => row.join() !== exactArea(rows[index]?.pixels ?? [], 150).join());
  t.equal(wrong.length, 0, 'every pixel of the file equals rational arithmetic');
});

t.test('the area average equals rational arithmetic, with and without missing pixels', async (t) => {
  const random = createRandom(3);
  const widths: [number, number][] = [
    [200, 150],
    [4, 3],
    [8, 6],
    [200, 100],
    [150, 200],
    [1, 1],
    [1, 7],
    [7, 1],
    [10_000, 150],
    [150, 10_000],
    [257, 256],
  ];
  for (let index = 0; index < 300; index++) widths.push([1 + random.below(300), 1 + random.below(300)]);
  for (const [sourceWidth, width] of widths) {
    const missing = random.pick([0, 0, 0.1, 0.7]);
    const rows = Array.from({ length: 4 }, (_, y) =>
      Array.from({ length: sourceWidth }, () =>
        y > 0 && random.chance(missing) ? null : random.pick([0, 255, random.below(256)]),
      ),
    );
    const wrong = resampleRows(rows, width).filter(
      (row, y) => row.join() !== exactArea(rows[y] ?? [], width).join(),
    );
    if (wrong.length > 0) t.fail(`${sourceWidth} to ${width}, ${missing} missing`);
  }
  t.pass(`${widths.length} pairs of widths`);
});

t.test('what every kernel has to keep', async (t) => {
  const random = createRandom(5);
  for (const kernel of RESAMPLE_KERNELS) {
    for (const width of [1, 60, 150, 200, 333]) {
      const name = `${kernel} to ${width}`;
      t.same(
        resampleRows([new Array(200).fill(137)], width, kernel)[0],
        new Array(width).fill(137),
        `${name}: constant`,
      );
      const row: Row = Array.from({ length: 200 }, () => random.below(256));
      const mirrored = resampleRows([row.toReversed()], width, kernel)[0]?.toReversed();
      // Nearest takes the right one of two equally near pixels, from either side.
      if (kernel !== 'nearest') t.same(resampleRows([row], width, kernel)[0], mirrored, `${name}: mirrored`);
      t.same(
        resampleRows([new Array(200).fill(null)], width, kernel)[0],
        new Array(width).fill(null),
        `${name}: missing`,
      );
      const half: Row = row.map((_, x) => (x < 100 ? 50 : null));
      const present = resampleRows([half], width, kernel)[0]?.filter((value) => value !== null) ?? [];
      t.ok(
        present.every((value) => value === 50),
        `${name}: missing pixels lend no colour`,
      );
    }
    t.same(resampleRows([[1, null, 3]], 3, kernel), [[1, null, 3]], `${kernel}: the same width is a copy`);
  }
});

t.test('kernels at known points', async (t) => {
  t.same(resampleRows([[0, 100, 200]], 6, 'nearest')[0], [0, 0, 100, 100, 200, 200]);
  t.same(resampleRows([[10, 20, 30, 40]], 2, 'nearest')[0], [20, 40]);
  t.same(resampleRows([[0, 100]], 4, 'linear')[0], [0, 25, 75, 100]);
  t.same(resampleRows([[0, 0, 255, 255]], 8, 'cubic')[0], [0, 0, 0, 52, 203, 255, 255, 255]);
  t.same(resampleRows([[0, null, null, 90]], 4, 'linear')[0], [0, null, null, 90]);
});
