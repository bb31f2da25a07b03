import t from 'tap';
import { canonicalColor, isColor, isOpaqueColor, parseColor } from '../../src/core/color.ts';
import { CSS_COLORS } from '../../src/core/css-colors.ts';

t.test('every way to write a colour has one spelling', async (t) => {
  for (const [text, spelling] of [
    ['#fff', '#ffffff'],
    ['fff', '#ffffff'],
    [' FFF ', '#ffffff'],
    ['#369f', '#336699'],
    ['3698', '#33669988'],
    ['#336699', '#336699'],
    ['AbCdEf', '#abcdef'],
    ['#336699FF', '#336699'],
    ['33669980', '#33669980'],
    ['red', '#ff0000'],
    ['Red', '#ff0000'],
    ['rebeccapurple', '#663399'],
    ['lightslategrey', '#778899'],
    ['transparent', '#00000000'],
    ['rgb(51,102,153)', '#336699'],
    ['RGB( 51, 102 , 153 )', '#336699'],
    ['rgb(51 102 153)', '#336699'],
    ['rgb(51 102 153 / 50%)', '#33669980'],
    ['rgba(51, 102, 153, 0.5)', '#33669980'],
    ['rgba(51,102,153,.5)', '#33669980'],
    ['rgba(51, 102, 153, 1)', '#336699'],
  ] as const) {
    t.equal(canonicalColor(text), spelling, text);
    t.ok(isColor(text), text);
    t.equal(isOpaqueColor(text), spelling.length === 7, text);
  }
});

t.test('other text is not a colour', async (t) => {
  for (const text of [
    '',
    '#',
    '#12',
    '#12345',
    '#1234567',
    '##fff',
    'reddish',
    'constructor',
    'rgb(256,0,0)',
    'rgb(1,2)',
    'rgb(1,2,3,101%)',
    'rgb(1,2,3,2)',
    'rgb(-1,2,3)',
    'hsl(1,2%,3%)',
  ]) {
    t.notOk(isColor(text), text);
    t.notOk(isOpaqueColor(text), text);
    t.throws(() => parseColor(text), TypeError);
  }
});

t.test('the names are those of CSS', async (t) => {
  t.equal(CSS_COLORS.size, 148);
  for (const [name, hex] of CSS_COLORS) {
    t.match(name, /^[a-z]+$/);
    t.match(hex, /^[0-9a-f]{6}$/, name);
  }
});

t.test('components are numbers', async (t) => {
  t.strictSame(parseColor('rgba(1, 2, 3, 0.2)'), { r: 1, g: 2, b: 3, alpha: 0.2 });
});
