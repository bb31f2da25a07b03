import sharp from 'sharp';
import t from 'tap';
import { encodeSwatch } from '../../../src/frames/picture/picture.ts';
import { COLORMAPS, composeTables, findColormap } from '../../../src/frames/rows/colormap.ts';
import { normalizationTable } from '../../../src/frames/rows/normalize.ts';

const colorAt = (table: Uint8Array, level: number) =>
  `#${Buffer.from(table.subarray(3 * level, 3 * level + 3)).toString('hex')}`;

/** Published colours: the definition of `core`; matplotlib 3.11 for the others. */
const ANCHORS: [name: string, level: number, color: string][] = [
  ['core', 0, '#000000'],
  ['core', 64, '#5b2c0b'],
  ['core', 128, '#c8761b'],
  ['core', 192, '#f4d35e'],
  ['core', 255, '#ffffff'],
  ['core', 32, '#2e1606'], // 45.5, 22, 5.5 rounded half up
  ['core', 1, '#010100'], // 1.42, 0.69, 0.17
  ['core', 96, '#925113'], // 145.5, 81, 19
  ['grey', 0, '#000000'],
  ['grey', 77, '#4d4d4d'],
  ['grey_r', 77, '#b2b2b2'],
  ['core_r', 255, '#000000'],
  ['core_r', 127, '#c8761b'],
  ['viridis', 0, '#440154'],
  ['viridis', 128, '#21918c'],
  ['viridis', 255, '#fde725'],
  ['magma', 0, '#000004'],
  ['magma', 255, '#fcfdbf'],
  ['inferno', 0, '#000004'],
  ['inferno', 255, '#fcffa4'],
  ['turbo', 0, '#30123b'],
  ['turbo', 255, '#7a0403'],
];

t.test('colours at anchor points', async (t) => {
  for (const [name, level, color] of ANCHORS) {
    t.equal(colorAt(findColormap(name).table, level), color, `${name} at ${level}`);
  }
});

t.test(
  'every map has a table, a description and stops that lie on it; its reverse is it backwards',
  async (t) => {
    for (const map of COLORMAPS) {
      t.equal(map.table.length, 768);
      t.ok(map.description);
      for (const { position, color } of map.stops)
        t.equal(colorAt(map.table, position), color, `${map.name} ${position}`);
      const reversed = findColormap(`${map.name}_r`);
      for (const level of [0, 1, 100, 255])
        t.equal(colorAt(reversed.table, 255 - level), colorAt(map.table, level));
      for (const { position, color } of reversed.stops) t.equal(colorAt(reversed.table, position), color);
    }
    t.equal(findColormap(' Viridis ').name, 'viridis');
  },
);

t.test('a user’s stops', async (t) => {
  const expected = findColormap('0:#000000,255:#ff0000').table;
  t.equal(colorAt(expected, 128), '#800000');
  for (const text of [
    ' 0 : #000 , 255 : #F00 ',
    '0:black,255:Red',
    '0:000,255:ff0000ff',
    '[[0,"rgb(0, 0, 0)"],[255,"red"]]',
    '[[0,"#000000"],[255,"#ff0000"]]',
    '[{"position":0,"color":"#000000"},{"position":255,"color":"#ff0000"}]',
  ]) {
    t.same(findColormap(text).table, expected, text);
  }
  t.equal(findColormap('Gray').name, 'grey');
  t.throws(() => findColormap('viridus'), /"viridus" \(did you mean viridis\?\)$/);
  t.throws(() => findColormap('jet'), /"jet" \(did you mean turbo\?\)$/);
  const inner = findColormap('100:#102030,200:#ffffff').table;
  t.equal(colorAt(inner, 0), '#102030', 'before the first stop its colour');
  t.equal(colorAt(inner, 255), '#ffffff');
  for (const text of [
    '',
    'jet',
    '0:#000000',
    '0:#000,256:#fff',
    '0:#000,-1:#fff',
    '0:#000,1.5:#fff',
    '0:#000,x:#fff',
    '0:#000,:#fff',
    '9:#000,9:#fff',
    '9:#000,3:#fff',
    '0:#00,255:#fff',
    '0:reddish,255:#fff',
    '0:#00000080,255:#fff',
    '[',
    '[]',
    '[1,2]',
    '[[0,1],[255,2]]',
    '[null,null]',
    '[{"position":"0","color":"#000"},{"position":255,"color":"#fff"}]',
    `0:#000${','.repeat(300)}`,
    '0:#000,'.repeat(5000),
  ]) {
    t.throws(
      () => findColormap(text),
      { code: 'validation_failed', errors: [{ path: '/colormap' }] },
      text.slice(0, 60),
    );
  }
});

t.test('levels first, then colour', async (t) => {
  const table = composeTables(normalizationTable({ min: 100, max: 200 }), findColormap('core').table);
  t.equal(colorAt(table, 100), '#000000');
  t.equal(colorAt(table, 200), '#ffffff');
  t.equal(colorAt(table, 150), '#c8761b');
});

t.test('a swatch shows every colour', async (t) => {
  const { table } = findColormap('magma');
  const { data, info } = await sharp(encodeSwatch(table))
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  t.match(info, { width: 256, height: 16, channels: 3 });
  t.same(data.subarray(0, 768), Buffer.from(table));
  t.same(data.subarray(15 * 768), Buffer.from(table));
});
