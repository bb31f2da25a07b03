import t from 'tap';
import type { Segment } from '../../../src/segmentation/labels/segment.ts';
import {
  askOracle,
  blobs,
  drawing,
  encodeLabels,
  encodePicture,
  oracleSkip,
  segmentPixels,
} from '../support.ts';

interface Region {
  label: number;
  area: number;
  bbox: [number, number, number, number];
  centroid: [number, number];
  diameter: number;
  perimeter: number;
  euler: number;
}

t.test('shapes against scikit-image', { skip: oracleSkip }, async (t) => {
  const cases = await Promise.all(
    [1, 2, 3].flatMap((seed) =>
      [4, 8].map(async (connectivity) => ({
        connectivity,
        ...(await segmentPixels(blobs(61, 47, seed), { connectivity })),
      })),
    ),
  );
  const answers = askOracle(
    cases.map(({ labels, connectivity }) => ({
      call: 'regions',
      labels: encodeLabels(labels),
      connectivity,
    })),
  ) as Region[][];
  const exact = ({ label, area, bounding_box: { x, y, width, height }, holes }: Segment) => [
    label,
    area,
    y,
    x,
    y + height,
    x + width,
    holes,
  ];
  cases.forEach(({ result }, at) => {
    const regions = answers[at] as Region[];
    t.ok(regions.length > 10);
    t.same(
      result.segments.map(exact),
      regions.map(({ label, area, bbox, euler }) => [label, area, ...bbox, 1 - euler]),
    );
    const differences = result.segments.flatMap((segment, i) => {
      const { centroid, diameter, perimeter } = regions[i] as Region;
      return [
        segment.centroid.y - centroid[0],
        segment.centroid.x - centroid[1],
        segment.equivalent_diameter - diameter,
        segment.perimeter - perimeter,
      ];
    });
    const worst = Math.max(...differences.map(Math.abs));
    t.ok(worst < 1e-9, `largest difference ${worst}`);
  });
});

t.test('component counts and areas against OpenCV', { skip: oracleSkip }, async (t) => {
  const picture = blobs(200, 150, 9);
  const mask = encodePicture({ ...picture, data: picture.data.map((level) => (level > 130 ? 1 : 0)) });
  const theirs = askOracle([4, 8].map((connectivity) => ({ call: 'components', mask, connectivity })));
  for (const [i, connectivity] of [4, 8].entries()) {
    const { result } = await segmentPixels(picture, { method: 'threshold', value: 130, connectivity });
    t.same(theirs[i], {
      count: result.segment_count,
      areas: result.segments.map(({ area }) => area).sort((a, b) => a - b),
    });
  }
});

t.test('colours, against sums by hand', async (t) => {
  const random = blobs(40, 30, 4);
  const rgb = { ...random, channels: 3 as const, data: new Uint8Array(40 * 30 * 3) };
  for (let i = 0; i < rgb.data.length; i++)
    rgb.data[i] = (random.data[i % 1200] as number) ^ (i % 3 === 1 ? 90 : 0);
  const { labels, result } = await segmentPixels(rgb, {});
  t.same(result.color_channels, ['red', 'green', 'blue']);
  for (const segment of result.segments) {
    for (let c = 0; c < 3; c++) {
      const values: number[] = [];
      labels.data.forEach((label, i) => {
        if (label === segment.label) values.push(rgb.data[i * 3 + c] as number);
      });
      const mean = values.reduce((a, b) => a + b, 0) / values.length;
      const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
      t.ok(Math.abs((segment.mean_color[c] as number) - mean) < 1e-9);
      t.ok(Math.abs((segment.stdev_color[c] as number) - Math.sqrt(variance)) < 1e-6);
    }
  }
});

t.test('one segment, written out', async (t) => {
  const { result } = await segmentPixels(drawing('.....', '.###.', '.#.#.', '.###.', '.....'), {});
  t.match(result.segments, [
    {
      label: 1,
      area: 8,
      share: 8 / 25,
      bounding_box: { x: 1, y: 1, width: 3, height: 3 },
      centroid: { x: 2, y: 2 },
      mean_color: [255],
      stdev_color: [0],
      touches_border: false,
      holes: 1,
    },
  ]);
  const touching = await segmentPixels(drawing('...', '..#', '...'), {});
  t.equal(touching.result.segments[0]?.touches_border, true);
});

t.test('classes: holes and areas of scattered segments', async (t) => {
  const { result } = await segmentPixels(drawing('###.###', '#.#.#.#', '###.###'), { segments: 'classes' });
  t.match(result.segments, [{ label: 1, area: 16, holes: 2 }]);
});

t.test('of more than max_segments the smallest are dropped and counted', async (t) => {
  const { labels, result } = await segmentPixels(drawing('##.#.###', '##......', '......#.'), {
    max_segments: 2,
  });
  t.same(
    result.segments.map(({ label, area }) => [label, area]),
    [
      [1, 4],
      [2, 3],
    ],
  );
  t.equal(result.dropped.max_segments, 2);
  t.same([...labels.data.slice(0, 8)], [1, 1, 0, 0, 0, 2, 2, 2]);
  const equal = await segmentPixels(drawing('#.##.##.##'), { max_segments: 2 });
  t.same([...equal.labels.data], [0, 0, 1, 1, 0, 2, 2, 0, 0, 0], 'the earlier of equals are kept');
  t.equal(equal.result.dropped.max_segments, 2);
});

t.test('a map of more than 255 labels has 16 bits, and 65,535 labels at most', async (t) => {
  const width = 800;
  const height = 400;
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y += 2) for (let x = 0; x < width; x += 2) data[y * width + x] = 255;
  const { labels, result } = await segmentPixels({ width, height, channels: 1, data }, {});
  t.equal(result.bit_depth, 16);
  t.equal(result.segment_count, 65_535);
  t.equal(result.dropped.max_segments, 80_000 - 65_535);
  t.ok(labels.data instanceof Uint16Array);
});

t.test('the labels of a row of more than 65,535 pixels', async (t) => {
  const width = 70_000;
  const data = new Uint8Array(2 * width);
  data.fill(255, width - 3, width);
  const { result } = await segmentPixels({ width, height: 2, channels: 1, data }, {});
  t.same(
    result.segments.map(({ bounding_box }) => bounding_box),
    [{ x: width - 3, y: 0, width: 3, height: 1 }],
  );
});
