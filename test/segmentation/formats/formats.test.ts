import sharp from 'sharp';
import t from 'tap';
import { binaryMask, encodeBinaryMask } from '../../../src/segmentation/formats/binary-mask.ts';
import { measurementsToCsv } from '../../../src/segmentation/formats/csv.ts';
import { toGeoJson } from '../../../src/segmentation/formats/geojson.ts';
import { encodeOverlay, labelColor, renderOverlay } from '../../../src/segmentation/formats/overlay.ts';
import { traceRings } from '../../../src/segmentation/formats/rings.ts';
import { encodeLabelMap } from '../../../src/segmentation/labels/label-map.ts';
import type { LabelMap } from '../../../src/segmentation/labels/labels.ts';
import { seededRandom } from '../../../src/segmentation/methods/random.ts';
import type { SegmentationResult } from '../../../src/segmentation/schemas.ts';
import {
  askOracle,
  blobs,
  drawing,
  encodeLabels,
  labelDrawing,
  oracleSkip,
  readLabels,
  segmentPixels,
} from '../support.ts';

t.test('a label map comes back from its PNG as it was', async (t) => {
  const wide: LabelMap = {
    width: 300,
    height: 2,
    data: Uint16Array.from({ length: 600 }, (_, i) => i * 109),
  };
  for (const { labels, depth } of [
    { labels: labelDrawing('.12', '9.1'), depth: 'uchar' },
    { labels: labelDrawing('1'), depth: 'uchar' },
    { labels: wide, depth: 'ushort' },
  ]) {
    const png = await encodeLabelMap(labels);
    t.match(await sharp(png).metadata(), { format: 'png', depth, channels: 1, width: labels.width });
    t.same(await readLabels(png), {
      ...labels,
      data: depth === 'uchar' ? Buffer.from(labels.data) : labels.data,
    });
  }
});

t.test('binary masks', async (t) => {
  const labels = labelDrawing('.12', '2.1');
  t.same([...binaryMask(labels)], [0, 255, 255, 255, 0, 255]);
  t.same([...binaryMask(labels, 2)], [0, 0, 255, 255, 0, 0]);
  for (const label of [0, 3]) {
    t.throws(() => binaryMask(labels, label), { code: 'validation_failed', errors: [{ path: '/label' }] });
  }
  const { data, info } = await sharp(await encodeBinaryMask(labels, 1))
    .toColourspace('b-w')
    .raw()
    .toBuffer({ resolveWithObject: true });
  t.same([info.width, info.height, info.channels, ...data], [3, 2, 1, 0, 255, 0, 0, 0, 255]);
});

t.test('overlays', async (t) => {
  const labels = labelDrawing('.....', '.111.', '.111.', '.111.', '.....');
  const picture = drawing('99999', '99999', '99999', '99999', '99999');
  const color = labelColor(1);
  const mix = (share: number) => color.map((c) => Math.floor(90 + share * (c - 90) + 0.5));
  const at = (data: Uint8Array, x: number, y: number) => [
    ...data.subarray((y * 5 + x) * 3, (y * 5 + x) * 3 + 3),
  ];
  for (const { opacity, outlines, edge, inside } of [
    { opacity: 0.5, outlines: true, edge: mix(1), inside: mix(0.5) },
    { opacity: 0.25, outlines: false, edge: mix(0.25), inside: mix(0.25) },
    { opacity: 0, outlines: false, edge: [90, 90, 90], inside: [90, 90, 90] },
  ]) {
    const { data, channels } = renderOverlay(picture, labels, { opacity, outlines });
    t.equal(channels, 3);
    t.same(at(data, 0, 0), [90, 90, 90]);
    t.same(at(data, 1, 1), edge);
    t.same(at(data, 2, 2), inside);
  }
  const transparent = { ...picture, channels: 2 as const, data: new Uint8Array(50).fill(7) };
  const options = { opacity: 1, outlines: true };
  t.equal(renderOverlay(transparent, labels, options).data[3], 7);
  for (const format of ['png', 'webp', 'jpeg'] as const) {
    t.match(await sharp(await encodeOverlay(transparent, labels, options, format)).metadata(), {
      format,
      width: 5,
      channels: format === 'jpeg' ? 3 : 4,
    });
  }
  const palette = new Set(Array.from({ length: 200 }, (_, label) => labelColor(label + 1).join()));
  t.ok(palette.size > 190, `${palette.size} different colours of 200`);
});

t.test('CSV', async (t) => {
  const { result } = await segmentPixels(drawing('##..', '##.#'), {});
  const [header, first, second, end] = measurementsToCsv(result).split('\r\n');
  t.equal(
    header,
    'label,area,share,x,y,width,height,centroid_x,centroid_y,perimeter,equivalent_diameter,circularity,mean_grey,stdev_grey,touches_border,holes',
  );
  t.match(first, /^1,4,0\.5,0,0,2,2,0\.5,0\.5,[\d.]+,[\d.]+,[\d.]+,255,0,true,0$/);
  t.match(second, /^2,1,0\.125,3,1,1,1,3,1,/);
  t.equal(end, '');
  const colored = await segmentPixels({ width: 1, height: 1, channels: 3, data: Uint8Array.of(1, 2, 3) }, {});
  t.match(measurementsToCsv(colored.result), /mean_red,mean_green,mean_blue,stdev_red/);
});

/** Signed area: positive where the ring runs clockwise as seen with y down. */
const shoelace = (ring: readonly (readonly number[])[]) =>
  ring.reduce((sum, [x = 0, y = 0], i) => {
    const [nextX = 0, nextY = 0] = ring[(i + 1) % ring.length] ?? [];
    return sum + (x * nextY - nextX * y) / 2;
  }, 0);

t.test('polygons with holes, written out', async (t) => {
  const { labels, result } = await segmentPixels(drawing('###', '#.#', '###'), {});
  const { bbox, features } = toGeoJson(labels, result);
  t.same(bbox, [0, 0, 3, 3]);
  t.same(features[0]?.geometry, {
    type: 'MultiPolygon',
    coordinates: [
      [
        [
          [0, 0],
          [3, 0],
          [3, 3],
          [0, 3],
          [0, 0],
        ],
        [
          [1, 2],
          [2, 2],
          [2, 1],
          [1, 1],
          [1, 2],
        ],
      ],
    ],
  });
  t.match(features[0], { id: 1, properties: { area: 8 } });
});

t.test('polygons of random maps: areas, holes and orientation', async (t) => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const connectivity = seed % 2 === 0 ? 4 : 8;
    const { labels, result } = await segmentPixels(blobs(50, 40, seed), {
      method: 'multi_otsu',
      connectivity,
      segments: seed % 3 === 0 ? 'classes' : 'components',
    });
    for (const { geometry, properties } of toGeoJson(labels, result).features) {
      let area = 0;
      let holes = 0;
      for (const [exterior = [], ...inner] of geometry.coordinates) {
        t.ok(shoelace(exterior.slice(1)) > 0);
        for (const ring of [exterior, ...inner]) {
          t.same(ring[0], ring.at(-1));
          area += shoelace(ring.slice(1));
        }
        t.ok(inner.every((ring) => shoelace(ring.slice(1)) < 0));
        holes += inner.length;
      }
      t.equal(area, properties.area);
      // Where pixels connect by corners, a ring of several polygons may enclose a hole, too.
      // A hole whose parts touch at corners has several rings.
      if (connectivity === 4) t.ok(holes >= properties.holes);
    }
  }
});

t.test('polygons are valid by OGC, wherever pixels touch at corners', { skip: oracleSkip }, async (t) => {
  const random = seededRandom(14);
  const maps: LabelMap[] = [
    // Two holes that touch, a region that touches itself, a chain of holes that divides the inside, an island in a hole.
    labelDrawing('1111', '1.11', '11.1', '1111'),
    labelDrawing('111', '1.1', '11.', '111'),
    labelDrawing('1111111', '111.111', '11.1.11', '1.111.1', '11.1.11', '111.111', '1111111'),
    labelDrawing('11111', '1...1', '1.1.1', '1...1', '11111'),
    labelDrawing('1.1', '.1.', '1.1'),
  ];
  for (let i = 0; i < 60; i += 1) {
    const [width, height, labels] = [4 + (i % 9), 4 + (i % 7), 1 + (i % 3)];
    const data = Uint8Array.from({ length: width * height }, () => Math.floor(random() * (labels + 1)));
    maps.push({ width, height, data });
  }
  const requests = maps.map((labels) => {
    const present = [...new Set(labels.data)].filter((label) => label !== 0);
    const segments = present.map((label) => ({ label }));
    const { features } = toGeoJson(labels, { segments } as SegmentationResult);
    return { call: 'invalid_polygons', features, labels: encodeLabels(labels) };
  });
  for (const [i, faults] of askOracle(requests).entries()) t.same(faults, [], `map ${i}`);
});

t.test('outlines with more corners than fit into an answer', async (t) => {
  const side = 1300;
  const data = Uint8Array.from({ length: side * side }, (_, i) => (i + Math.floor(i / side)) & 1);
  t.throws(() => traceRings({ width: side, height: side, data }), { code: 'output_too_large' });
});
