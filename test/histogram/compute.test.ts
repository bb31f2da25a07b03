import { writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import t from 'tap';
import type { Raster } from '../../src/histogram/raster.ts';
import type { Channel, ChannelHistogram, HistogramResult, Region } from '../../src/histogram/schemas.ts';
import { levelsOf, measure } from './reference.ts';
import { faultPaths, histogramOf, randomNumbers, randomRaster, temporaryFolder } from './support.ts';

const { folder, remove } = temporaryFolder();
t.teardown(remove);
const at = (name: string) => path.join(folder, name);

/** Writes a raster as a lossless picture and gives its path. */
async function store(name: string, raster: Raster): Promise<string> {
  const { samples, width, height, stride, bitDepth } = raster;
  const space = stride < 3 ? (bitDepth === 8 ? 'b-w' : 'grey16') : bitDepth === 8 ? 'srgb' : 'rgb16';
  const image = sharp(samples, { raw: { width, height, channels: stride } }).toColourspace(space);
  await (name.endsWith('.tif') ? image.tiff({ compression: 'lzw' }) : image.png()).toFile(at(name));
  return at(name);
}

function channelOf({ channels }: HistogramResult, channel: Channel): ChannelHistogram {
  const histogram = channels[channel];
  if (histogram === undefined) throw new Error(`There is no ${channel}`);
  return histogram;
}

function countsOf(levels: readonly number[], bins: number): number[] {
  const counts = new Array<number>(bins).fill(0);
  for (const level of levels) counts[level] = (counts[level] ?? 0) + 1;
  return counts;
}

function isIn({ left, top, width, height }: Region, raster: Raster): (pixel: number) => boolean {
  return (pixel) => {
    const x = pixel % raster.width;
    const y = Math.floor(pixel / raster.width);
    return x >= left && x < left + width && y >= top && y < top + height;
  };
}

const size = { width: 61, height: 47 };
const rgb = randomRaster({ ...size, stride: 3, bitDepth: 8, alpha: null }, 2);
const rgba = randomRaster({ ...size, stride: 4, bitDepth: 8, alpha: 3 }, 3);
const grey16 = randomRaster({ ...size, stride: 1, bitDepth: 16, alpha: null }, 4);
const rgb16 = randomRaster({ ...size, stride: 3, bitDepth: 16, alpha: null }, 5);
const rgba16 = randomRaster({ ...size, stride: 4, bitDepth: 16, alpha: 3 }, 6);
const labels = randomLabels();

/** A label map with labels 0, 1, 2, 5 and 300: more than 8 bits hold. */
function randomLabels(): Raster {
  const random = randomNumbers(9);
  const choice = [0, 1, 2, 5, 300];
  const samples = Uint16Array.from({ length: size.width * size.height }, () => choice[random() % 5] ?? 0);
  return { ...size, samples, stride: 1, bitDepth: 16, alpha: null, colorSpace: 'grey' };
}

const rgbFile = await store('rgb.png', rgb);
const rgbaFile = await store('rgba.png', rgba);
const labelFile = await store('labels.png', labels);

t.test('every lossless kind of picture is counted as it is stored', async (t) => {
  const grey = randomRaster({ ...size, stride: 1, bitDepth: 8, alpha: null }, 7);
  const table: [string, Raster, Channel[]][] = [
    ['grey.png', grey, ['grey']],
    ['grey.tif', grey, ['grey']],
    ['rgb.png', rgb, ['red', 'green', 'blue']],
    ['rgb.tif', rgb, ['red', 'green', 'blue']],
    ['rgba.png', rgba, ['red', 'green', 'blue', 'alpha']],
    ['grey16.png', grey16, ['grey']],
    ['rgb16.png', rgb16, ['red', 'green', 'blue']],
    ['rgb16.tif', rgb16, ['red', 'green', 'blue']],
    ['rgba16.png', rgba16, ['red', 'green', 'blue', 'alpha']],
  ];
  for (const [name, raster, own] of table) {
    const file = await store(name, raster);
    const levels = 2 ** raster.bitDepth;
    const result = await histogramOf(file, { bins: levels });
    t.same(Object.keys(result.channels), own, `${name}: the picture's own channels`);
    t.match(result, {
      width: 61,
      height: 47,
      bit_depth: raster.bitDepth,
      converted_from: null,
      pixels: 61 * 47,
    });
    for (const channel of own) {
      const expected = levelsOf(raster, channel);
      const { counts, mean, stdev, entropy, ...rest } = channelOf(result, channel);
      t.ok(
        Buffer.from(Uint32Array.from(counts).buffer).equals(
          Buffer.from(Uint32Array.from(countsOf(expected, levels)).buffer),
        ),
        `${name}: ${channel}`,
      );
      const known = measure(expected);
      t.match(rest, { min: known.min, max: known.max, median: known.median, mode: known.mode, levels });
      t.ok(Math.abs((mean ?? 0) - known.mean) < 1e-8);
      t.ok(Math.abs((stdev ?? 0) - known.stdev) < 1e-8);
      t.ok(Math.abs((entropy ?? 0) - known.entropy) < 1e-9);
    }
  }
});

t.test('an 8-bit grey picture with alpha keeps both', async (t) => {
  const samples = Uint8Array.from([0, 255, 10, 0, 10, 0, 200, 128]);
  const file = at('grey-alpha.png');
  await sharp(samples, { raw: { width: 2, height: 2, channels: 2 } })
    .toColourspace('b-w')
    .png()
    .toFile(file);
  const { channels, color_space } = await histogramOf(file);
  t.equal(color_space, 'grey');
  t.same(channels.grey?.counts, countsOf([0, 10, 10, 200], 256));
  t.same(channels.alpha?.counts, countsOf([255, 0, 0, 128], 256));
  const visible = await histogramOf(file, { ignore_transparent: true });
  t.same(visible.channels.grey?.counts, countsOf([0, 200], 256));
  t.equal(visible.pixels, 2);
});

t.test('the statistics do not depend on bins, edges, range or how counts are given', async (t) => {
  const strip = (result: HistogramResult) => {
    const { counts, bin_edges, below, above, ...statistics } = channelOf(result, 'red');
    return statistics;
  };
  const expected = strip(await histogramOf(rgbFile, { percentiles: [1, 99] }));
  for (const params of [
    { bins: 3 },
    { edges: [20, 21, 90] },
    { level_range: [100, 110] },
    { cumulative: true },
    { normalize: true },
  ]) {
    t.same(strip(await histogramOf(rgbFile, { percentiles: [1, 99], ...params })), expected);
  }
});

t.test('region', async (t) => {
  for (const region of [
    { left: 0, top: 0, width: 61, height: 47 },
    { left: 60, top: 46, width: 1, height: 1 },
    { left: 13, top: 5, width: 20, height: 30 },
  ]) {
    const result = await histogramOf(rgbFile, { region });
    t.same(result.region, region);
    t.equal(result.pixels, region.width * region.height);
    for (const channel of ['red', 'green', 'blue'] as const) {
      t.same(result.channels[channel]?.counts, countsOf(levelsOf(rgb, channel, isIn(region, rgb)), 256));
    }
  }
});

t.test('mask: all labels, one, the background, one that is nowhere', async (t) => {
  const table: [{ label?: number }, (label: number) => boolean][] = [
    [{}, (label) => label !== 0],
    [{ label: 300 }, (label) => label === 300],
    [{ label: 0 }, (label) => label === 0],
    [{ label: 77 }, () => false],
  ];
  for (const [params, isWanted] of table) {
    const result = await histogramOf(rgbFile, { ...params, maskFile: labelFile });
    const expected = levelsOf(rgb, 'green', (pixel) => isWanted(labels.samples[pixel] ?? 0));
    t.same(result.channels.green?.counts, countsOf(expected, 256), JSON.stringify(params));
    t.equal(result.pixels, expected.length);
    t.equal(result.labels, undefined);
  }
});

t.test('per_label, in a region, without transparent pixels', async (t) => {
  const region = { left: 3, top: 4, width: 50, height: 40 };
  const inside = isIn(region, rgba);
  const isVisible = (pixel: number) => rgba.samples[pixel * 4 + 3] !== 0;
  const result = await histogramOf(rgbaFile, {
    maskFile: labelFile,
    per_label: true,
    region,
    ignore_transparent: true,
    channels: ['blue', 'hue'],
  });
  t.same(
    result.labels?.map(({ label }) => label),
    [1, 2, 5, 300],
  );
  for (const { label, pixels, channels } of result.labels ?? []) {
    const isSelected = (pixel: number) =>
      inside(pixel) && isVisible(pixel) && labels.samples[pixel] === label;
    t.equal(pixels, levelsOf(rgba, 'blue', isSelected).length);
    t.same(channels.blue?.counts, countsOf(levelsOf(rgba, 'blue', isSelected), 256));
    t.same(channels.hue?.counts, countsOf(levelsOf(rgba, 'hue', isSelected), 360));
  }
  const all = (pixel: number) => inside(pixel) && isVisible(pixel) && labels.samples[pixel] !== 0;
  t.same(result.channels.blue?.counts, countsOf(levelsOf(rgba, 'blue', all), 256), 'the whole is their sum');
  t.equal(result.pixels, levelsOf(rgba, 'blue', all).length);
});

t.test('101 percentiles of thousands of labels took gigabytes; now such an answer is refused', async (t) => {
  const width = 3000;
  const labels = randomRaster({ width, height: 1, stride: 1, bitDepth: 16, alpha: null }, 8);
  labels.samples.forEach((_, i) => {
    labels.samples[i] = i + 1;
  });
  const picture = randomRaster({ width, height: 1, stride: 3, bitDepth: 8, alpha: null }, 9);
  const file = await store('wide.png', picture);
  const perLabel = { maskFile: await store('wide-labels.png', labels), per_label: true, bins: 1 };
  const percentiles = Array.from({ length: 101 }, (_, percentile) => percentile);
  const channels: Channel[] = ['red', 'green', 'blue', 'luminance', 'hue', 'saturation', 'value'];
  await t.rejects(histogramOf(file, { ...perLabel, percentiles, channels }), {
    code: 'validation_failed',
    errors: [
      {
        path: '/per_label',
        message: /at most 4194304 numbers .*7 channels × \(1 bins \+ 2 × 101 percentiles/,
      },
    ],
  });
  const some = await histogramOf(file, { ...perLabel, percentiles: percentiles.slice(0, 9) });
  t.equal(some.labels?.length, width);
});

t.test('many labels of a 16-bit picture', async (t) => {
  const width = 300;
  const picture = randomRaster({ width, height: 2, stride: 1, bitDepth: 16, alpha: null }, 8);
  const each: Raster = {
    ...picture,
    samples: Uint16Array.from({ length: width * 2 }, (_, i) => (i % width) + 1),
  };
  const result = await histogramOf(await store('few16.png', picture), {
    maskFile: await store('each.png', each),
    per_label: true,
    bins: 4,
  });
  t.equal(result.labels?.length, width);
  t.equal(result.pixels, 2 * width);
  for (const { label, channels } of result.labels ?? []) {
    const pair = [picture.samples[label - 1] ?? 0, picture.samples[label - 1 + width] ?? 0];
    t.equal(channels.grey?.min, Math.min(...pair));
    t.equal(channels.grey?.max, Math.max(...pair));
  }
});

t.test('regions and masks are of the picture as it is seen, or as stored', async (t) => {
  const region = { left: 2, top: 30, width: 40, height: 17 };
  for (const orientation of [1, 2, 3, 4, 5, 6, 7, 8]) {
    const file = at(`orientation-${orientation}.png`);
    await sharp(rgbFile).withMetadata({ orientation }).toFile(file);
    const { data, info } = await sharp(file).autoOrient().raw().toBuffer({ resolveWithObject: true });
    const seen: Raster = { ...rgb, samples: data, width: info.width, height: info.height };
    const fitting = orientation > 4 ? { ...region, left: 2, width: 40 } : region;
    const oriented = await histogramOf(file, { region: fitting });
    t.same([oriented.width, oriented.height], [info.width, info.height]);
    t.same(
      oriented.channels.red?.counts,
      countsOf(levelsOf(seen, 'red', isIn(fitting, seen)), 256),
      `orientation ${orientation}`,
    );
    const stored = await histogramOf(file, { region, auto_orient: false });
    t.same([stored.width, stored.height], [61, 47]);
    t.same(stored.channels.red?.counts, countsOf(levelsOf(rgb, 'red', isIn(region, rgb)), 256));

    const turned = await sharp(labels.samples, { raw: { width: 61, height: 47, channels: 1 } })
      .toColourspace('grey16')
      .png()
      .withMetadata({ orientation })
      .toBuffer();
    const mask = at(`mask-${orientation}.png`);
    await sharp(turned).autoOrient().toColourspace('grey16').png().toFile(mask);
    const masked = await histogramOf(file, { maskFile: mask, label: 5 });
    const expected = levelsOf(rgb, 'red', (pixel) => labels.samples[pixel] === 5);
    t.same(masked.channels.red?.counts, countsOf(expected, 256), `mask, orientation ${orientation}`);
  }
});

t.test('extreme pictures', async (t) => {
  const one = (color: { r: number; g: number; b: number; alpha?: number }, width = 1, height = 1) =>
    sharp({ create: { width, height, channels: color.alpha === undefined ? 3 : 4, background: color } });

  t.test('1×1', async (t) => {
    await one({ r: 1, g: 2, b: 3 }).png().toFile(at('one.png'));
    const { channels } = await histogramOf(at('one.png'), { percentiles: [0, 37, 100] });
    t.match(channels.green, { pixels: 1, min: 2, max: 2, mean: 2, stdev: 0, median: 2, mode: 2, entropy: 0 });
    t.same(
      channels.green?.percentiles.map(({ value }) => value),
      [2, 2, 2],
    );
  });

  t.test('1×10,000', async (t) => {
    await one({ r: 9, g: 9, b: 9 }, 1, 10_000).png().toFile(at('tall.png'));
    t.equal((await histogramOf(at('tall.png'))).channels.red?.counts[9], 10_000);
  });

  t.test('all black, all white', async (t) => {
    await one({ r: 0, g: 0, b: 0 }, 20, 20).png().toFile(at('black.png'));
    const black = await histogramOf(at('black.png'), { channels: ['red', 'hue', 'saturation', 'luminance'] });
    t.match(black.channels.red, { clipped: { low: 1, high: 0 }, entropy: 0, stdev: 0 });
    t.match(black.channels.hue, { pixels: 0, mean: null, mode: null });
    t.match(black.channels.saturation, { pixels: 400, max: 0 });
    await one({ r: 255, g: 255, b: 255 }, 20, 20).png().toFile(at('white.png'));
    const white = await histogramOf(at('white.png'), { channels: ['red', 'luminance'] });
    t.match(white.channels.red, { clipped: { low: 0, high: 1 } });
    t.match(white.channels.luminance, { min: 255, max: 255 });
  });

  t.test('fully transparent', async (t) => {
    await one({ r: 80, g: 0, b: 0, alpha: 0 }, 8, 8).png().toFile(at('transparent.png'));
    t.equal((await histogramOf(at('transparent.png'))).channels.alpha?.counts[0], 64);
    const visible = await histogramOf(at('transparent.png'), { ignore_transparent: true, normalize: true });
    t.equal(visible.pixels, 0);
    t.match(visible.channels.red, { pixels: 0, min: null, mean: null, entropy: null });
    t.ok(visible.channels.red?.counts.every((count) => count === 0));
  });

  t.test('CMYK is counted as sRGB, and said so', async (t) => {
    await one({ r: 200, g: 30, b: 30 }, 16, 16).toColourspace('cmyk').jpeg().toFile(at('cmyk.jpg'));
    const result = await histogramOf(at('cmyk.jpg'));
    t.match(result, { color_space: 'srgb', converted_from: 'cmyk', bit_depth: 8, pixels: 256 });
    t.ok((result.channels.red?.mean ?? 0) > 150 && (result.channels.blue?.mean ?? 255) < 90);
  });

  t.test('an embedded profile changes nothing', async (t) => {
    await sharp(rgbFile).withIccProfile('p3').png().toFile(at('p3.png'));
    const raw = await sharp(at('p3.png'), { ignoreIcc: true }).raw().toBuffer();
    const stored = { ...rgb, samples: raw };
    t.same((await histogramOf(at('p3.png'))).channels.red?.counts, countsOf(levelsOf(stored, 'red'), 256));
  });

  t.test('an animation: the first page, or the requested one', async (t) => {
    const frames = Buffer.concat([0, 120, 240].map((level) => Buffer.alloc(10 * 8 * 3, level)));
    await sharp(frames, { raw: { width: 10, height: 24, channels: 3, pageHeight: 8 } })
      .webp({ lossless: true })
      .toFile(at('animated.webp'));
    for (const [page, level] of [
      [0, 0],
      [1, 120],
      [2, 240],
    ] as const) {
      const result = await histogramOf(at('animated.webp'), { page });
      t.match(result, { page, pages: 3, width: 10, height: 8, pixels: 80 });
      t.equal(result.channels.green?.counts[level], 80);
    }
    t.equal((await histogramOf(at('animated.webp'))).page, 0);
    t.same(await faultPaths(histogramOf(at('animated.webp'), { page: 3 })), ['/page']);
  });
});

t.test('parameters that do not fit each other or the picture are named', async (t) => {
  const rgbaMask = await store('not-labels.png', rgba);
  const small = await store(
    'small.png',
    randomRaster({ width: 5, height: 5, stride: 1, bitDepth: 8, alpha: null }),
  );
  const box = { left: 0, top: 0, width: 10, height: 10 };
  const table: [string, Parameters<typeof histogramOf>[1], string[]][] = [
    ['more bins than levels', { bins: 257 }, ['/bins']],
    ['bins and edges', { bins: 2, edges: [0, 1] }, ['/edges']],
    ['range and edges', { level_range: [0, 9], edges: [0, 1] }, ['/level_range']],
    ['edges that fall', { edges: [0, 5, 4] }, ['/edges/2']],
    ['equal edges', { edges: [1, 1] }, ['/edges/1']],
    ['an edge above all levels', { edges: [0, 257] }, ['/edges/1']],
    ['an empty range', { level_range: [5, 5] }, ['/level_range/1']],
    ['a range above all levels', { level_range: [0, 300] }, ['/level_range/1']],
    ['a label without a mask', { label: 1 }, ['/label']],
    ['per_label without a mask', { per_label: true }, ['/per_label']],
    ['label and per_label without a mask', { label: 1, per_label: true }, ['/label', '/per_label']],
    ['label and per_label', { label: 1, per_label: true, maskFile: labelFile }, ['/per_label']],
    ['a mask of another size', { maskFile: small }, ['/mask']],
    ['a mask that is a colour picture', { maskFile: rgbaMask }, ['/mask']],
    ['channels that are not there', { channels: ['red', 'grey', 'alpha'] }, ['/channels/1', '/channels/2']],
    ['a box wider than the picture', { region: { ...box, left: 52 } }, ['/region/width']],
    ['a box left of which there is nothing', { region: { ...box, left: 61 } }, ['/region/left']],
    ['a box outside both ways', { region: { ...box, left: 60, top: 99 } }, ['/region/width', '/region/top']],
    ['a page that is not there', { page: 1 }, ['/page']],
    ['faults of all kinds together', { bins: 300, channels: ['alpha'] }, ['/channels/0', '/bins']],
  ];
  for (const [name, params, paths] of table) {
    t.same(await faultPaths(histogramOf(rgbFile, params)), paths, name);
  }
  t.same(await faultPaths(histogramOf(await store('g.png', grey16), { channels: ['red'] })), ['/channels/0']);
  t.same(await faultPaths(histogramOf(at('g.png'), { bins: 65_536 })), [], '65,536 bins of 16 bits are fine');
});

t.test('faults say what would fit', async (t) => {
  const tooSmall = await store(
    'narrow.png',
    randomRaster({ width: 5, height: 5, stride: 1, bitDepth: 8, alpha: null }),
  );
  const table: [Parameters<typeof histogramOf>[1], string][] = [
    [{ bins: 257 }, 'Expected an integer from 1 to 256 with 8 bits a channel for bins but received 257'],
    [{ edges: [0, 5, 4] }, 'Expected an edge above the one before it (5) for edges[2] but received 4'],
    [
      { bins: 2, edges: [0, 1] },
      'Expected nothing, because bins is given, for edges but received an array of 2 items',
    ],
    [
      { channels: ['grey'] },
      'Expected one of red, green, blue, luminance, hue, saturation, value for channels[0] but received "grey"',
    ],
    [
      { region: { left: 52, top: 0, width: 10, height: 10 } },
      'Expected a box inside the 61×47 picture for width but received width 10 at left 52',
    ],
    [
      { maskFile: tooSmall },
      "Expected a mask of the picture's size, 61×47, for mask but received one of 5×5",
    ],
  ];
  for (const [params, message] of table) {
    await t.rejects(histogramOf(rgbFile, params), { message }, message);
  }
});

t.test('an answer too large to be of use is refused', async (t) => {
  const each = Uint16Array.from({ length: 80 * 80 }, (_, i) => i + 1);
  const map: Raster = {
    samples: each,
    width: 80,
    height: 80,
    stride: 1,
    bitDepth: 16,
    alpha: null,
    colorSpace: 'grey',
  };
  const picture = await store(
    'p80.png',
    randomRaster({ width: 80, height: 80, stride: 3, bitDepth: 8, alpha: null }),
  );
  const maskFile = await store('m80.png', map);
  t.same(await faultPaths(histogramOf(picture, { maskFile, per_label: true, bins: 256 })), ['/per_label']);
  const adapted = await histogramOf(picture, { maskFile, per_label: true });
  t.equal(adapted.channels.red?.counts.length, 128, 'the default is as fine as the answer may be');
  t.equal(adapted.labels?.[0]?.channels.red?.counts.length, 128);
  const coarse = await histogramOf(picture, { maskFile, per_label: true, bins: 8 });
  t.equal(coarse.labels?.length, 6400);
});

t.test('pictures decoded at the same time are not refused as blocked', async (t) => {
  // Blocking and unblocking loaders for each picture made those fail that another thread was just opening.
  const results = await Promise.all(Array.from({ length: 64 }, () => histogramOf(rgbFile)));
  t.ok(results.every(({ pixels }) => pixels === 61 * 47));
});

t.test('damaged and oversized pictures', async (t) => {
  writeFileSync(at('noise.png'), Buffer.alloc(500, 7));
  await t.rejects(histogramOf(at('noise.png')), { code: 'undecodable_image' });
  const whole = await sharp(rgbFile).png().toBuffer();
  writeFileSync(at('cut.png'), whole.subarray(0, whole.length / 2));
  await t.rejects(histogramOf(at('cut.png')), { code: 'undecodable_image' });
  const { computeHistogram } = await import('../../src/histogram/compute.ts');
  const { LIMITS, withDefaults } = await import('./support.ts');
  await t.rejects(
    computeHistogram({
      source: { path: rgbFile, format: 'png' },
      params: withDefaults(),
      limits: { ...LIMITS, maxPixels: 61 * 47 - 1 },
    }),
    { code: 'too_many_pixels' },
  );
});
