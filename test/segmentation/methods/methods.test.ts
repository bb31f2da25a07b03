import t from 'tap';
import { squaredDistance } from '../../../src/segmentation/labels/morphology.ts';
import type { Picture } from '../../../src/segmentation/labels/picture.ts';
import { deltaE2000, labOfRgb, rgbOfLab } from '../../../src/segmentation/methods/color-science.ts';
import { CHANNELS } from '../../../src/segmentation/methods/plane.ts';
import {
  askOracle,
  blobs,
  decodeBytes,
  drawing,
  encodePicture,
  oracleSkip,
  segmentPixels,
} from '../support.ts';

/** Labels as rows of digits, `.` for background. */
function drawn({ width, data }: { width: number; data: ArrayLike<number> }): string[] {
  const text = Array.from(data, (label) => (label === 0 ? '.' : String(label))).join('');
  return text.match(new RegExp(`.{${width}}`, 'g')) ?? [];
}

t.test('methods on small drawings', async (t) => {
  for (const { name, picture, params, expected, found = {} } of [
    {
      name: 'otsu',
      picture: drawing('.#.', '.#9'),
      params: {},
      expected: ['.1.', '.1.'],
      found: { thresholds: [90] },
    },
    {
      name: 'otsu, inverted',
      picture: drawing('.#.', '.##'),
      params: { invert: true },
      expected: ['1.2', '1..'],
    },
    {
      name: 'components by sides',
      picture: drawing('#..', '.#.'),
      params: { connectivity: 4 },
      expected: ['1..', '.2.'],
    },
    { name: 'components by corners', picture: drawing('#..', '.#.'), params: {}, expected: ['1..', '.1.'] },
    {
      name: 'threshold is exclusive',
      picture: drawing('123'),
      params: { method: 'threshold', value: 20 },
      expected: ['..1'],
    },
    {
      name: 'multi_otsu counts upwards',
      picture: drawing('1593', '1593'),
      params: { method: 'multi_otsu', classes: 4 },
      expected: ['.231', '.231'],
      found: { thresholds: [10, 30, 50] },
    },
    {
      name: 'multi_otsu counts downwards',
      picture: drawing('159', '159'),
      params: { method: 'multi_otsu', invert: true },
      expected: ['21.', '21.'],
    },
    {
      name: 'multi_otsu of fewer levels than classes',
      picture: drawing('19'),
      params: { method: 'multi_otsu', classes: 5 },
      expected: ['.1'],
      found: { thresholds: [10] },
    },
    {
      name: 'multi_otsu, each class by its components',
      picture: drawing('59.95'),
      params: { method: 'multi_otsu', segments: 'components' },
      expected: ['12.34'],
    },
    {
      name: 'kmeans from dark to light',
      picture: drawing('9.#', '9.#'),
      params: { method: 'kmeans', clusters: 3 },
      expected: ['213', '213'],
      found: { compactness: 0 },
    },
    {
      name: 'kmeans of fewer colours than clusters',
      picture: drawing('.#'),
      params: { method: 'kmeans', clusters: 16 },
      expected: ['12'],
    },
    {
      name: 'color: the whole picture',
      picture: drawing('9.9', '.#8'),
      params: { method: 'color', color: '#5a5a5a', tolerance: 1 },
      expected: ['1.2', '...'],
    },
    {
      name: 'color: flood from a point',
      picture: drawing('9.9', '9.8'),
      params: { method: 'color', point: { x: 2, y: 0 }, tolerance: 5 },
      expected: ['..1', '..1'],
      found: { color: '#5a5a5a' },
    },
    {
      name: 'color: a point of another colour',
      picture: drawing('9.9'),
      params: { method: 'color', color: '#ffffff', point: { x: 0, y: 0 }, tolerance: 5 },
      expected: ['...'],
    },
    {
      name: 'fill_holes',
      picture: drawing('####.', '#..#.', '##.#.', '####.'),
      params: { fill_holes: true },
      expected: ['1111.', '1111.', '1111.', '1111.'],
    },
    {
      name: 'fill_holes by corners: background connects by sides alone',
      picture: drawing('.#.', '#.#', '.#.'),
      params: { fill_holes: true },
      expected: ['.1.', '111', '.1.'],
    },
    {
      name: 'fill_holes by sides: background leaks through corners',
      picture: drawing('.#.', '#.#', '.#.'),
      params: { fill_holes: true, connectivity: 4 },
      expected: ['.1.', '2.3', '.4.'],
    },
    {
      name: 'fill_holes between two classes',
      picture: drawing('555999', '5.59.9', '555999', '5..9.9', '555999'),
      params: { method: 'multi_otsu', fill_holes: true },
      expected: ['111222', '111222', '111222', '1..222', '111222'],
    },
    {
      name: 'open removes specks, close joins',
      picture: drawing('#.......', '..###.##', '..###.##', '..###.##'),
      params: { open: 1 },
      expected: ['........', '...1...2', '..111.22', '..111.22'],
    },
    { name: 'min_area', picture: drawing('#.##.#'), params: { min_area: 2 }, expected: ['..11..'] },
    {
      name: 'watershed from two levels',
      picture: drawing('001799710', '001799710', '001799710'),
      params: { method: 'watershed', markers: { from: 'levels', low: 5, high: 80 } },
      expected: ['...1111..', '...1111..', '...1111..'],
    },
    {
      name: 'watershed from points',
      picture: drawing('000999000', '000999000', '000999000'),
      params: {
        method: 'watershed',
        markers: {
          from: 'points',
          points: [
            { x: 8, y: 1 },
            { x: 4, y: 1 },
          ],
          background: [{ x: 0, y: 0 }],
        },
      },
      expected: ['...111222', '...111222', '...111222'],
    },
  ]) {
    const { labels, result } = await segmentPixels(picture, params);
    t.same(drawn(labels), expected, name);
    t.match(result.found, found, name);
  }
});

t.test('watershed parts discs that touch', async (t) => {
  const width = 90;
  const height = 50;
  const isInDisc = (i: number, x: number) =>
    ((i % width) - x) ** 2 + (Math.floor(i / width) - 25) ** 2 <= 400;
  const data = Uint8Array.from({ length: width * height }, (_, i) =>
    isInDisc(i, 25) || isInDisc(i, 62) ? 200 : 20,
  );
  const picture: Picture = { width, height, channels: 1, data };
  t.equal((await segmentPixels(picture, {})).result.segment_count, 1);
  const { labels, result } = await segmentPixels(picture, {
    method: 'watershed',
    markers: { from: 'distance', min_distance: 15 },
  });
  t.equal(result.found.markers, 2);
  t.equal(result.segment_count, 2);
  t.not(labels.data[25 * width + 20], labels.data[25 * width + 70]);
  t.equal(labels.data[0], 0);
  const dark = { ...picture, data: data.map((level) => 255 - level) };
  const inverted = await segmentPixels(dark, {
    method: 'watershed',
    invert: true,
    markers: { from: 'distance', min_distance: 15 },
  });
  t.same(inverted.labels.data, labels.data);
});

t.test('adaptive thresholds against OpenCV', { skip: oracleSkip }, async (t) => {
  const cases = ['mean', 'gaussian'].flatMap((kind) =>
    [
      [3, 0],
      [11, 2.5],
      [31, -4],
      [101, 7],
      [251, 3],
    ].map(([block_size = 3, offset = 0]) => ({ kind, block_size, offset, plane: blobs(83, 59, block_size) })),
  );
  const answers = askOracle(
    cases.map((given) => ({ ...given, call: 'adaptive', plane: encodePicture(given.plane) })),
  );
  for (const [at, { kind, block_size, offset, plane }] of cases.entries()) {
    const params = { method: 'threshold', adaptive: kind, block_size, offset, segments: 'classes' };
    const { labels } = await segmentPixels(plane, params);
    const theirs = decodeBytes(answers[at]);
    const differing = theirs.filter((value, i) => value !== labels.data[i]).length;
    // OpenCV's small Gaussian kernels are of 8-bit fixed point, which may round a mean by a level.
    const allowed = kind === 'mean' ? 0 : 0.01 * theirs.length;
    t.ok(differing <= allowed, `${kind} ${block_size} ${offset}: ${differing} pixels differ`);
  }
});

t.test('opening and closing by discs against OpenCV', { skip: oracleSkip }, async (t) => {
  const cases = ['open', 'close'].flatMap((operation) =>
    [1, 2, 3, 7].map((radius) => ({
      operation,
      radius,
      picture: blobs(70, 55, radius),
      value: operation === 'open' ? 90 : 165,
    })),
  );
  const answers = askOracle(
    cases.map(({ operation, radius, picture, value }) => ({
      call: 'morphology',
      mask: encodePicture({ ...picture, data: picture.data.map((level) => (level > value ? 1 : 0)) }),
      operation,
      radius,
    })),
  );
  for (const [at, { operation, radius, picture, value }] of cases.entries()) {
    const params = { method: 'threshold', value, segments: 'classes', [operation]: radius };
    const { labels } = await segmentPixels(picture, params);
    t.same(Buffer.from(labels.data), Buffer.from(decodeBytes(answers[at])), `${operation} ${radius}`);
  }
});

t.test('distances, against every pair of pixels', async (t) => {
  for (const [width, height, seed] of [
    [17, 11, 1],
    [1, 30, 2],
    [30, 1, 3],
    [9, 9, 4],
  ] as const) {
    const map = blobs(width, height, seed, 8).data.map((level) => (level > 2 ? 1 : 0));
    const targets = [...map.keys()].filter((i) => map[i] === 0);
    const expected = Array.from(map, (_, i) =>
      Math.min(
        ...targets.map(
          (j) => ((i % width) - (j % width)) ** 2 + (Math.floor(i / width) - Math.floor(j / width)) ** 2,
        ),
      ),
    );
    t.same([...squaredDistance(map, width, height, 'background')], expected, `${width} × ${height}`);
  }
});

t.test('CIEDE2000: pairs published by Sharma, Wu and Dalal', async (t) => {
  for (const [first, second, expected] of [
    [[50, 2.6772, -79.7751], [50, 0, -82.7485], 2.0425],
    [[50, 3.1571, -77.2803], [50, 0, -82.7485], 2.8615],
    [[50, -1.3802, -84.2814], [50, 0, -82.7485], 1.0],
    [[50, 0, 0], [50, -1, 2], 2.3669],
    [[50, 2.49, -0.001], [50, -2.49, 0.0009], 7.1792],
    [[50, 2.49, -0.001], [50, -2.49, 0.0011], 7.2195],
    [[50, 2.5, 0], [50, 0, -2.5], 4.3065],
    [[50, 2.5, 0], [73, 25, -18], 27.1492],
    [[50, 2.5, 0], [61, -5, 29], 22.8977],
    [[50, 2.5, 0], [56, -27, -3], 31.903],
    [[50, 2.5, 0], [58, 24, 15], 19.4535],
    [[2.0776, 0.0795, -1.135], [0.9033, -0.0636, -0.5514], 0.9082],
  ] as const) {
    t.equal(deltaE2000(first, second).toFixed(4), expected.toFixed(4), `${first} to ${second}`);
  }
});

t.test('CIELAB and CIEDE2000 against scikit-image', { skip: oracleSkip }, async (t) => {
  const colors = Array.from(
    { length: 300 },
    (_, i) => [(i * 67) % 256, (i * 101) % 256, (i * 29) % 256] as const,
  );
  const ours = colors.map((rgb) => labOfRgb(...rgb));
  const shifted = [...ours.slice(1), ours[0]];
  const [theirs, differences] = askOracle([
    { call: 'lab', rgb: colors },
    { call: 'delta_e', first: ours, second: shifted },
  ]) as [[number, number, number][], number[]];
  const worst = Math.max(
    ...ours.flatMap((lab, i) => lab.map((v, c) => Math.abs(v - (theirs[i]?.[c] ?? Number.NaN)))),
  );
  t.ok(worst < 0.05, `largest difference ${worst}`);
  t.same(ours.map(rgbOfLab), colors);
  ours.forEach((lab, i) => {
    const other = shifted[i] ?? lab;
    t.ok(Math.abs(deltaE2000(lab, other) - (differences[i] as number)) < 1e-6);
  });
});

t.test('each channel of a colour picture', async (t) => {
  // Orange beside a grey and a blue, the last one transparent by half.
  const data = Uint8Array.from([200, 100, 0, 255, 128, 128, 128, 255, 0, 0, 255, 128]);
  const picture: Picture = { width: 3, height: 1, channels: 4, data };
  const levels: Record<(typeof CHANNELS)[number], [number, number, number]> = {
    luminance: [114, 128, 18],
    red: [200, 128, 0],
    green: [100, 128, 0],
    blue: [0, 128, 255],
    alpha: [255, 255, 128],
    hue: [21, 0, 170],
    saturation: [255, 0, 255],
    value: [200, 128, 255],
    lightness: [136, 137, 82],
    a: [163, 128, 207],
    b: [190, 128, 20],
  };
  for (const channel of CHANNELS) {
    for (const [i, level] of levels[channel].entries()) {
      const at = async (value: number) =>
        (await segmentPixels(picture, { method: 'threshold', channel, value, segments: 'classes' })).labels
          .data[i];
      if (level > 0) t.equal(await at(level - 1), 1, `${channel} of pixel ${i} is ${level}`);
      t.equal(await at(level), 0, `${channel} of pixel ${i} is ${level}`);
    }
  }
});

t.test('grabcut finds what is in the box, and points correct it', async (t) => {
  const width = 120;
  const height = 90;
  const data = new Uint8Array(width * height * 3);
  const isObject = (x: number, y: number) => x >= 30 && x < 70 && y >= 25 && y < 65;
  const isOther = (x: number, y: number) => x >= 80 && x < 95 && y >= 30 && y < 50;
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i += 3) {
      const noise = (x * 7 + y * 13) % 11;
      const color = isObject(x, y) ? [200, 60, 40] : isOther(x, y) ? [60, 190, 50] : [40, 60, 120];
      for (let c = 0; c < 3; c++) data[i + c] = (color[c] as number) + noise;
    }
  }
  const picture: Picture = { width, height, channels: 3, data };
  const count = (labels: ArrayLike<number>, isIn: (x: number, y: number) => boolean) =>
    Array.from(labels).filter((label, i) => label !== 0 && isIn(i % width, Math.floor(i / width))).length;
  const box = { x: 20, y: 15, width: 85, height: 60 };
  const both = await segmentPixels(picture, { method: 'grabcut', box });
  t.equal(count(both.labels.data, isObject), 1600);
  t.equal(count(both.labels.data, isOther), 300);
  t.equal(both.result.foreground_area, 1900);
  const one = await segmentPixels(picture, { method: 'grabcut', box, background: [{ x: 87, y: 40 }] });
  t.equal(count(one.labels.data, isObject), 1600);
  t.ok(count(one.labels.data, isOther) < 300);
  const reduced = await segmentPixels(picture, { method: 'grabcut', box, working_size: 100 });
  t.same(reduced.result.found.working_size, { width: 100, height: 75 });
  t.ok(Math.abs(reduced.result.foreground_area - 1900) <= 40, `${reduced.result.foreground_area} pixels`);
  const inverted = await segmentPixels(picture, { method: 'grabcut', box, invert: true });
  t.equal(inverted.result.foreground_area, width * height - 1900);
});

t.test('kmeans is the same for the same seed', async (t) => {
  const picture = blobs(64, 64, 5);
  const params = { method: 'kmeans', clusters: 6, seed: 11 };
  const first = await segmentPixels(picture, params);
  const second = await segmentPixels(picture, params);
  t.same(first, second);
  for (const color_space of ['rgb', 'luminance']) {
    const { result } = await segmentPixels(picture, { ...params, color_space });
    t.equal(result.found.centers?.length, 6);
    t.same(result.found.centers?.[0]?.values.length, color_space === 'rgb' ? 3 : 1);
  }
});

t.test('a reduced copy gives a map of full size', async (t) => {
  const picture = drawing(...Array.from({ length: 40 }, (_, y) => (y < 20 ? '#' : '.').repeat(64)));
  for (const params of [{}, { method: 'watershed' }, { method: 'kmeans', clusters: 2 }]) {
    const { labels, result } = await segmentPixels(picture, { ...params, working_size: 16 });
    t.same(result.found.working_size, { width: 16, height: 10 });
    t.equal(labels.data.length, 64 * 40);
    t.not(labels.data[0], labels.data[64 * 39]);
  }
});
