import { Type } from '@sinclair/typebox';
import t from 'tap';
import { parameterCompiler } from '../../src/http/problems/validation.ts';
import { SEGMENTATION_QUERY } from '../../src/segmentation/query-form.ts';
import { boxText, pointsText, pointText, queryForm } from '../../src/work/query-form.ts';

const about = { description: 'For a test.', example: '1,2' };
const form = queryForm(
  { plain: Type.Optional(Type.Integer()) },
  {
    box: boxText({ ...about, names: ['left', 'top', 'width', 'height'] }),
    point: pointText(about),
    points: pointsText(about),
  },
);

t.test('structured parameters have one text each', async (t) => {
  t.strictSame(form.read({ plain: 3, box: '1,02,30,4', point: '5,6', points: '1,2;3,4;5,6' }), {
    plain: 3,
    box: { left: 1, top: 2, width: 30, height: 4 },
    point: { x: 5, y: 6 },
    points: [
      { x: 1, y: 2 },
      { x: 3, y: 4 },
      { x: 5, y: 6 },
    ],
  });
  t.strictSame(form.read({}), {}, 'what is not given is not made up');
  const holdToSchema = parameterCompiler({})(form.schema);
  for (const [name, text] of [
    ['box', '1,2,3'],
    ['box', '1,2,3,4,5'],
    ['box', '1,2,3,-4'],
    ['box', '1, 2, 3, 4'],
    ['point', ''],
    ['point', '1'],
    ['point', '1.5,2'],
    ['points', '1,2;'],
    ['points', ';1,2'],
    ['points', '1,2 3,4'],
    ['points', '12345678,1'],
  ] as const) {
    t.throws(() => holdToSchema({ [name]: text }), { code: 'validation_failed' }, `${name}=${text}`);
  }
});

t.test('a fault within a text is a fault of the text', async (t) => {
  t.equal(form.locate('/box/width'), '/box');
  t.equal(form.locate('/points/2/x'), '/points');
  t.equal(form.locate('/plain'), '/plain');
  t.equal(form.locate(''), '');
});

t.test('the markers of a watershed', async (t) => {
  const read = (markers: string) => (SEGMENTATION_QUERY.read({ markers }) as { markers: unknown }).markers;
  t.strictSame(read('levels:30,150'), { from: 'levels', low: 30, high: 150 });
  t.strictSame(read('distance:12'), { from: 'distance', min_distance: 12 });
  t.strictSame(read('distance:12,90'), { from: 'distance', min_distance: 12, threshold: 90 });
  t.strictSame(read('points:1,2;3,4|5,6'), {
    from: 'points',
    points: [
      { x: 1, y: 2 },
      { x: 3, y: 4 },
    ],
    background: [{ x: 5, y: 6 }],
  });
  t.strictSame(read('points:1,2'), { from: 'points', points: [{ x: 1, y: 2 }], background: [] });
  for (const text of [
    '',
    'levels',
    'levels:',
    'levels:1',
    'levels:1,2,3',
    'points:1',
    'points:1,2|',
    'Levels:1,2',
    'x:1',
  ]) {
    t.throws(() => read(text), { code: 'validation_failed', errors: [{ path: '/markers' }] }, text);
  }
});
