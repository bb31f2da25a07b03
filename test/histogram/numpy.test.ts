import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import t from 'tap';
import type { Raster } from '../../src/histogram/raster.ts';
import type { Channel, Region } from '../../src/histogram/schemas.ts';
import { needsPython, PYTHON } from '../support/python.ts';
import { testDataPath } from '../support/test-data.ts';
import { type Given, histogramOf, randomRaster, temporaryFolder } from './support.ts';

/** What is asked of both; `visible` is `ignore_transparent`. */
interface Case {
  channel: Channel;
  percentiles: number[];
  bins?: number;
  level_range?: number[];
  edges?: number[];
  region?: Region;
  mask?: string;
  label?: number;
  visible?: boolean;
}

interface Answer {
  pixels: number;
  counts: number[];
  min: number;
  max: number;
  mean: number;
  stdev: number;
  median: number;
  percentiles: number[];
  mode: number;
  entropy: number;
  low: number;
  high: number;
}

const { folder, remove } = temporaryFolder();
t.teardown(remove);
const at = (name: string) => path.join(folder, name);
const skip = needsPython('numpy');
const size = { width: 203, height: 117 };
const percentiles = [0, 0.1, 2.5, 33.3, 50, 66, 99, 100];
const region = { left: 11, top: 7, width: 101, height: 53 };

/** The same pixels as a PNG for us and as plain numbers for numpy. */
async function store(name: string, raster: Raster) {
  const { samples, width, height, stride, bitDepth } = raster;
  const space = stride < 3 ? (bitDepth === 8 ? 'b-w' : 'grey16') : bitDepth === 8 ? 'srgb' : 'rgb16';
  await sharp(samples, { raw: { width, height, channels: stride } })
    .toColourspace(space)
    .png()
    .toFile(at(`${name}.png`));
  writeFileSync(at(`${name}.raw`), samples);
  const dtype = bitDepth === 8 ? 'u1' : '<u2';
  return { png: at(`${name}.png`), file: at(`${name}.raw`), dtype, shape: [height, width, stride] };
}

async function jobs() {
  const labels = randomRaster({ ...size, stride: 1, bitDepth: 16, alpha: null }, 21);
  for (const [i, level] of labels.samples.entries()) labels.samples[i] = [0, 1, 7, 400][level % 4] ?? 0;
  const mask = await store('labels', labels);
  const rgb = await store('rgb', randomRaster({ ...size, stride: 3, bitDepth: 8, alpha: null }, 22));
  const rgba = await store('rgba', randomRaster({ ...size, stride: 4, bitDepth: 8, alpha: 3 }, 23));
  const grey16 = await store('grey16', randomRaster({ ...size, stride: 1, bitDepth: 16, alpha: null }, 24));
  const rgba16 = await store('rgba16', randomRaster({ ...size, stride: 4, bitDepth: 16, alpha: 3 }, 25));
  const masked = (label: number) => ({ mask: mask.file, label });
  const cases = (...some: Omit<Case, 'percentiles'>[]): Case[] =>
    some.map((one) => ({ percentiles, ...one }));
  const pictures = [
    {
      ...rgb,
      cases: cases(
        { channel: 'red' },
        { channel: 'green', bins: 37 },
        { channel: 'blue', bins: 10, level_range: [30, 200] },
        { channel: 'luminance', edges: [0, 0.5, 17, 200.25, 255] },
        { channel: 'saturation' },
        { channel: 'value', region },
        { channel: 'red', ...masked(0) },
        { channel: 'luminance', ...masked(7), bins: 16 },
        { channel: 'blue', ...masked(400), region },
      ),
    },
    {
      ...rgba,
      cases: cases(
        { channel: 'alpha' },
        { channel: 'red', visible: true },
        { channel: 'green', visible: true, region },
      ),
    },
    {
      ...grey16,
      cases: cases(
        { channel: 'grey', bins: 65_536 },
        { channel: 'grey', bins: 1000 },
        { channel: 'grey', ...masked(1), region },
      ),
    },
    {
      ...rgba16,
      cases: cases(
        { channel: 'luminance', bins: 65_536 },
        { channel: 'saturation', bins: 4096, visible: true },
        { channel: 'alpha' },
        { channel: 'blue', ...masked(7) },
      ),
    },
  ];
  return { pictures: [...pictures, ...sharedPictures()], maskFile: mask.png };
}

/** 16-bit and alpha pictures made by others, which numpy's side decodes for itself. */
function sharedPictures() {
  const own: [string, Channel[]][] = [
    ['images/16bit-grey-alpha.png', ['grey', 'alpha']],
    ['images/alpha-1024x768.png', ['red', 'alpha']],
    ['pngsuite/basn0g16.png', ['grey']],
    ['pngsuite/basn2c16.png', ['red', 'green', 'blue', 'luminance']],
    ['pngsuite/basn4a08.png', ['grey', 'alpha']],
    ['pngsuite/basn4a16.png', ['grey', 'alpha']],
    ['pngsuite/basn6a16.png', ['green', 'alpha']],
  ];
  return own
    .map(([name, channels]) => ({ png: testDataPath(name), channels }))
    .filter(({ png }) => existsSync(png))
    .map(({ png, channels }) => ({
      png,
      file: png,
      cases: channels.map((channel): Case => ({ channel, percentiles })),
    }));
}

if (skip !== false) {
  t.pass('numpy', { skip });
} else {
  t.test('numpy counts and measures the same', async (t) => {
    const { pictures, maskFile } = await jobs();
    const script = path.join(import.meta.dirname, 'numpy_histograms.py');
    const run = spawnSync(PYTHON, [script], {
      input: JSON.stringify({ pictures }),
      maxBuffer: 2 ** 28,
      encoding: 'utf8',
    });
    t.equal(run.status, 0, run.stderr);
    const answers: Answer[][] = JSON.parse(run.stdout);
    for (const [i, { png, cases }] of pictures.entries()) {
      for (const [j, one] of cases.entries()) {
        const { channel, mask, visible, ...params } = one;
        const given: Given = { ...params, channels: [channel], ignore_transparent: visible ?? false };
        const result = await histogramOf(png, mask === undefined ? given : { ...given, maskFile });
        const found = result.channels[channel];
        const expected = answers[i]?.[j];
        const name = `${path.basename(png)} ${JSON.stringify({ ...one, percentiles: undefined, mask: undefined })}`;
        if (found === undefined || expected === undefined) {
          t.fail(name);
          continue;
        }
        t.ok(
          Buffer.from(JSON.stringify(found.counts)).equals(Buffer.from(JSON.stringify(expected.counts))),
          name,
        );
        const { pixels, min, max, median, mode } = expected;
        t.match(found, {
          pixels,
          min,
          max,
          median,
          mode,
          clipped: { low: expected.low, high: expected.high },
        });
        t.same(
          found.percentiles.map(({ value }) => value),
          expected.percentiles,
          'percentiles, to the last bit',
        );
        t.ok(Math.abs((found.mean ?? 0) - expected.mean) < 1e-9, 'mean');
        t.ok(Math.abs((found.stdev ?? 0) - expected.stdev) < 1e-8, 'stdev');
        t.ok(Math.abs((found.entropy ?? 0) - expected.entropy) < 1e-9, 'entropy');
      }
    }
  });
}
