import t from 'tap';
import { COCO_ENCODINGS, toCoco } from '../../../src/segmentation/formats/coco.ts';
import { compressCounts } from '../../../src/segmentation/formats/rle.ts';
import type { LabelMap } from '../../../src/segmentation/labels/labels.ts';
import type { SegmentationResult } from '../../../src/segmentation/schemas.ts';
import {
  askOracle,
  blobs,
  dataFile,
  drawing,
  encodeLabels,
  labelDrawing,
  oracleSkip,
  segment,
  segmentPixels,
} from '../support.ts';

/** A label map and the annotations of all encodings, as the oracle takes it. */
function toCase(labels: LabelMap, result: SegmentationResult) {
  const annotations = Object.fromEntries(
    COCO_ENCODINGS.map((encoding) => [encoding, toCoco(labels, result, encoding, 'a.png').annotations]),
  );
  return { labels: encodeLabels(labels), annotations };
}

interface Verdict {
  count: number;
  faults: string[];
}

const judge = (cases: ReturnType<typeof toCase>[]) =>
  askOracle([{ call: 'coco_faults', cases }])[0] as Verdict;

const SHAPES: Record<string, string[]> = {
  'one pixel': ['#'],
  'all foreground': ['###', '###'],
  'foreground from the first pixel': ['#.', '..'],
  'run over a column’s end': ['.#.', '#..', '#..'],
  'a row': ['#.##.#'],
  'a column': ['#', '.', '#', '#'],
  'a hole': ['###', '#.#', '###'],
  'two holes above each other': ['###', '#.#', '###', '#.#', '###'],
  'holes that share an edge above': ['#######', '#######', '#.#.#.#', '#######'],
  'a hole below a wider one': ['#######', '#.....#', '#######', '###.###', '#######'],
  'a hole below the left end of an edge': ['####', '##.#', '####', '####', '##.#', '####'],
  'an island in a hole': ['#####', '#...#', '#.#.#', '#...#', '#####'],
  'a hole in an island': ['#######', '#.....#', '#.###.#', '#.#.#.#', '#.###.#', '#.....#', '#######'],
  'pixels that touch by a corner': ['#.#', '.#.', '#.#'],
  'holes that touch by a corner': ['####', '#.##', '##.#', '####'],
  'a hole that touches the outside by a corner': ['###', '#.#', '##.'],
};

t.test('every encoding decodes in pycocotools to the same mask', { skip: oracleSkip }, async (t) => {
  const cases = [];
  for (const rows of Object.values(SHAPES)) {
    for (const connectivity of [4, 8]) {
      const { labels, result } = await segmentPixels(drawing(...rows), {
        method: 'threshold',
        value: 0,
        connectivity,
      });
      cases.push(toCase(labels, result));
    }
  }
  const verdict = judge(cases);
  t.same(verdict.faults, []);
  t.ok(verdict.count >= 3 * cases.length);
});

t.test('500 random masks, by components and by classes', { skip: oracleSkip }, async (t) => {
  const cases = [];
  for (let seed = 0; seed < 500; seed++) {
    const picture = blobs(1 + (seed % 23), 1 + ((seed * 7) % 19), seed);
    const { labels, result } = await segmentPixels(picture, {
      method: 'multi_otsu',
      classes: 2 + (seed % 3),
      connectivity: seed % 2 === 0 ? 4 : 8,
      segments: seed % 5 === 0 ? 'components' : 'classes',
    });
    cases.push(toCase(labels, result));
  }
  const verdict = judge(cases);
  t.same(verdict.faults, []);
  t.ok(verdict.count > 1500, `${verdict.count} annotations`);
});

const coins = dataFile('images/coins.png');
t.test('the masks of real pictures', { skip: oracleSkip || coins.skip }, async (t) => {
  const coffee = dataFile('images/coffee.png').path;
  const cases = [];
  for (const [path, params] of [
    [coins.path, {}],
    [coins.path, { connectivity: 4, invert: true }],
    [coins.path, { segments: 'classes' }],
    [dataFile('images/page.png').path, { invert: true }],
    [coffee, { method: 'kmeans', clusters: 5, min_area: 20 }],
    [coffee, { method: 'color', color: '#c1733e', tolerance: 12, max_segments: 50 }],
  ] as const) {
    const { labels, result } = await segment(path, params);
    cases.push(toCase(labels, result));
  }
  const verdict = judge(cases);
  t.same(verdict.faults, []);
});

t.test('run lengths, written out', async (t) => {
  const labels = labelDrawing('.1.', '11.', '1.2');
  const { result } = await segmentPixels(drawing('.#.', '##.', '#..'), { connectivity: 4 });
  const [annotation] = toCoco(labels, result, 'uncompressed-rle', 'a.png').annotations;
  t.same(annotation?.segmentation, { size: [3, 3], counts: [1, 4, 4] });
  t.same(annotation?.bbox, [0, 0, 2, 3]);
  t.equal(annotation?.area, 4);
});

t.test('compressed counts, as pycocotools writes them', async (t) => {
  for (const [counts, text] of [
    [[9], '9'],
    [[0, 6], '06'],
    [[6, 1, 40, 4, 5, 4, 5, 4, 21], '61X13mN000`0'],
  ] as const) {
    t.equal(compressCounts(counts), text, counts.join());
  }
});

t.test('a document has its image, categories and ids', async (t) => {
  const picture = drawing('#..#', '....', '2222');
  const components = await segmentPixels(picture, { method: 'threshold', value: 0 });
  t.match(toCoco(components.labels, components.result, 'rle', 'core.png'), {
    images: [{ id: 1, width: 4, height: 3, file_name: 'core.png' }],
    categories: [{ id: 1, name: 'segment' }],
    annotations: [
      { id: 1, category_id: 1 },
      { id: 2, category_id: 1 },
      { id: 3, category_id: 1, iscrowd: 0 },
    ],
  });
  const classes = await segmentPixels(picture, { method: 'multi_otsu' });
  t.same(toCoco(classes.labels, classes.result, 'rle', 'core.png').categories, [
    { id: 1, name: 'class 1' },
    { id: 2, name: 'class 2' },
  ]);
});
