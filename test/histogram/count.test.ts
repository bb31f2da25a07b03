import t from 'tap';
import { countLevels, type Grouping } from '../../src/histogram/count.ts';
import { distributionOf } from '../../src/histogram/distribution.ts';
import { channelLevels, levelReader, storedBand } from '../../src/histogram/levels.ts';
import { groupSizes, levelsByGroup } from '../../src/histogram/levels-by-group.ts';
import type { Raster } from '../../src/histogram/raster.ts';
import { CHANNELS, type Channel } from '../../src/histogram/schemas.ts';
import { levelOf, levelsOf } from './reference.ts';
import { randomRaster } from './support.ts';

const SHAPES: Pick<Raster, 'stride' | 'bitDepth' | 'alpha'>[] = [
  { stride: 1, bitDepth: 8, alpha: null },
  { stride: 3, bitDepth: 8, alpha: null },
  { stride: 4, bitDepth: 8, alpha: 3 },
  { stride: 1, bitDepth: 16, alpha: null },
  { stride: 2, bitDepth: 16, alpha: 1 },
  { stride: 3, bitDepth: 16, alpha: null },
  { stride: 4, bitDepth: 16, alpha: 3 },
];

// One pixel; a row; a column; over a block of 16,384 pixels and not a multiple of anything.
const SIZES = [
  [1, 1],
  [5, 1],
  [1, 11],
  [211, 233],
] as const;

/** Every channel that can be counted. */
function channelsOf(raster: Raster): Channel[] {
  return CHANNELS.filter((channel) => {
    const isComputed = ['luminance', 'hue', 'saturation', 'value'].includes(channel);
    return isComputed || storedBand(raster, channel) !== null;
  });
}

function plainCounts(levels: readonly number[], size: number): Uint32Array {
  const counts = new Uint32Array(size);
  for (const level of levels) counts[level] = (counts[level] ?? 0) + 1;
  return counts;
}

for (const shape of SHAPES) {
  for (const [width, height] of SIZES) {
    t.test(
      `${shape.bitDepth}-bit, ${shape.stride} bands, ${width}×${height}: as counted one by one`,
      async (t) => {
        const raster = randomRaster({ ...shape, width, height });
        const channels = channelsOf(raster);
        const { pixels, tables } = countLevels(raster, channels);
        t.equal(pixels, width * height);
        channels.forEach((channel, i) => {
          const expected = plainCounts(levelsOf(raster, channel), channelLevels(raster, channel));
          t.ok(Buffer.from(expected.buffer).equals(bytesOf(tables[i])), channel);
        });
      },
    );
  }
}

function bytesOf(table: Uint32Array = new Uint32Array()): Buffer {
  return Buffer.from(table.buffer, table.byteOffset, table.byteLength);
}

const raster = randomRaster({ width: 211, height: 233, stride: 4, bitDepth: 8, alpha: 3 });
const SOME: Channel[] = ['red', 'luminance', 'hue', 'alpha'];

/** Groups 0 to 4 in no order. */
const groupOf = (pixel: number) => (pixel * 7919) % 5;

t.test('pixels that are not selected are left out', async (t) => {
  const isIn = (pixel: number) => groupOf(pixel) === 2;
  const { pixels, tables } = countLevels(raster, SOME, {
    count: 1,
    read(start, end, out) {
      for (let pixel = start; pixel < end; pixel += 1) out[pixel - start] = isIn(pixel) ? 1 : 0;
    },
  });
  t.equal(pixels, levelsOf(raster, 'red', isIn).length);
  SOME.forEach((channel, i) => {
    const expected = plainCounts(levelsOf(raster, channel, isIn), channelLevels(raster, channel));
    t.ok(Buffer.from(expected.buffer).equals(bytesOf(tables[i])), channel);
  });
});

t.test('groups are counted apart, and group 0 not at all', async (t) => {
  const grouping: Grouping = {
    count: 6,
    read(start, end, out) {
      // Groups 4 and 6 are empty.
      for (let pixel = start; pixel < end; pixel += 1)
        out[pixel - start] = [0, 1, 2, 3, 5][groupOf(pixel)] as number;
    },
  };
  const sizes = groupSizes(raster, grouping);
  for (const channel of SOME) {
    let group = 1;
    for (const distribution of levelsByGroup(raster, channel, grouping, sizes)) {
      const isIn = (pixel: number) => [0, 1, 2, 3, 5][groupOf(pixel)] === group;
      const levels = levelsOf(raster, channel, isIn);
      t.same(
        distribution,
        distributionOf(plainCounts(levels, channelLevels(raster, channel))),
        `${channel} of ${group}`,
      );
      if (channel === 'red') t.equal(sizes[group - 1], levels.length);
      group += 1;
    }
    t.equal(group, 7);
  }
});

t.test('luminance, hue and saturation are exactly rounded for every kind of colour', async (t) => {
  // Every 5th level of each band: 52³ colours, among them black, white, primaries, greys and ties.
  const steps = Array.from({ length: 52 }, (_, i) => i * 5);
  const samples = Uint8Array.from(
    steps.flatMap((r) => steps.flatMap((g) => steps.flatMap((b) => [r, g, b]))),
  );
  const raster: Raster = {
    samples,
    width: 52 * 52,
    height: 52,
    stride: 3,
    bitDepth: 8,
    alpha: null,
    colorSpace: 'srgb',
  };
  const count = raster.width * raster.height;
  const out = new Uint16Array(count);
  for (const channel of ['luminance', 'hue', 'saturation', 'value'] as const) {
    levelReader(raster, channel)(0, count, out);
    const wrong = out.findIndex((level, pixel) => level !== (levelOf(raster, channel, pixel) ?? 360));
    t.equal(wrong, -1, channel);
  }
});

t.test('well-known colours', async (t) => {
  const table: [string, number[], Partial<Record<Channel, number>>][] = [
    ['red', [255, 0, 0], { luminance: 54, hue: 0, saturation: 255, value: 255 }],
    ['green', [0, 255, 0], { luminance: 182, hue: 120, saturation: 255, value: 255 }],
    ['blue', [0, 0, 255], { luminance: 18, hue: 240, saturation: 255, value: 255 }],
    ['yellow', [255, 255, 0], { luminance: 237, hue: 60 }],
    ['magenta', [255, 0, 255], { luminance: 73, hue: 300 }],
    ['a red just below 360 degrees', [255, 0, 1], { hue: 0 }],
    ['orange', [255, 165, 0], { hue: 39 }],
    ['white', [255, 255, 255], { luminance: 255, saturation: 0, value: 255 }],
    ['black', [0, 0, 0], { luminance: 0, saturation: 0, value: 0 }],
  ];
  for (const [name, color, expected] of table) {
    const samples = Uint8Array.from(color);
    const raster: Raster = {
      samples,
      width: 1,
      height: 1,
      stride: 3,
      bitDepth: 8,
      alpha: null,
      colorSpace: 'srgb',
    };
    for (const channel of ['luminance', 'hue', 'saturation', 'value'] as const) {
      const level = expected[channel];
      if (level === undefined) continue;
      t.equal(countLevels(raster, [channel]).tables[0]?.indexOf(1), level, `${channel} of ${name}`);
    }
  }
});
