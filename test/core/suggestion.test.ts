import { Type } from '@sinclair/typebox';
import t from 'tap';
import { PARAMETER_GUESSES, VALUE_GUESSES } from '../../src/core/guesses.ts';
import { editDistance, foldName, nearestName } from '../../src/core/near-names.ts';
import { StringEnum } from '../../src/core/schema.ts';
import { schemaFaults } from '../../src/core/schema-faults.ts';
import { respelledBoolean, respelledChoice } from '../../src/core/spellings.ts';
import { suggestChoice, suggestParameter } from '../../src/core/suggestion.ts';
import { validatorCompiler } from '../../src/core/validator.ts';

t.test('edits are counted, a swap of neighbours as one', async (t) => {
  for (const [a, b, distance] of [
    ['width', 'width', 0],
    ['wdith', 'width', 1],
    ['widht', 'width', 1],
    ['idth', 'width', 1],
    ['wiidth', 'width', 1],
    ['wodth', 'width', 1],
    ['hight', 'width', 3],
    ['w', 'width', Number.POSITIVE_INFINITY],
  ] as const) {
    t.equal(editDistance(a, b), distance, `${a} ${b}`);
    t.equal(editDistance(b, a), distance, `${b} ${a}`);
  }
});

t.test('the nearest name is found, if one is near enough', async (t) => {
  const names = ['width', 'height', 'min_area', 'fit', 'x', 'depth_min', 'depth_max'];
  for (const [given, found] of [
    ['widht', 'width'],
    ['WIDTH', 'width'],
    ['minArea', 'min_area'],
    ['min-area', 'min_area'],
    ['min_area[]', 'min_area'],
    ['fitt', 'fit'],
    ['X', 'x'],
    ['depthmin', 'depth_min'],
    ['depth_mxa', 'depth_max'],
    ['y', undefined],
    ['fat_', 'fit'],
    ['fa', undefined],
    ['colour', undefined],
    ['[]', undefined],
    ['', undefined],
  ] as const) {
    t.equal(nearestName(given, names), found, given);
  }
});

t.test('a guess is only suggested if it is accepted', async (t) => {
  t.equal(suggestParameter('x', ['left', 'top']), 'left');
  t.equal(suggestParameter('x', ['width', 'height']), undefined);
  t.equal(suggestParameter('bottom', ['depth_min', 'depth_max']), 'depth_max');
  t.equal(suggestParameter('constructor', ['width']), undefined);
  t.equal(suggestChoice('bilinear', ['nearest', 'linear']), 'linear');
  t.equal(suggestChoice('bilinear', ['nearest']), undefined);
});

t.test('the keys of the guesses are folded, so that all are found', async (t) => {
  for (const guesses of [PARAMETER_GUESSES, VALUE_GUESSES]) {
    for (const guess of guesses.keys()) t.equal(foldName(guess), guess);
  }
});

t.test('choices take other spellings, unless two are meant', async (t) => {
  const choices = ['jpeg', 'tiff', 'multi_otsu', '-size', 'size'];
  for (const [given, choice] of [
    ['jpg', 'jpeg'],
    ['JPG', 'jpeg'],
    [' Jpeg ', 'jpeg'],
    ['TIF', 'tiff'],
    ['multi-otsu', 'multi_otsu'],
    ['Multi_Otsu', 'multi_otsu'],
    ['-SIZE', '-size'],
    ['SIZE', 'size'],
    ['gif', undefined],
    ['', undefined],
  ] as const) {
    t.equal(respelledChoice(given, choices), choice, given);
  }
  t.equal(respelledChoice('A', ['a', 'a ']), undefined);
});

t.test('yes and no may be said in several ways', async (t) => {
  for (const yes of ['true', 'True', 'TRUE', '1', 'yes', 'On']) t.equal(respelledBoolean(yes), 'true', yes);
  for (const no of ['false', 'False', 'FALSE', '0', 'no', 'Off']) t.equal(respelledBoolean(no), 'false', no);
  for (const other of ['2', 'maybe', '']) t.equal(respelledBoolean(other), other);
});

const schema = Type.Object(
  {
    format: Type.Optional(StringEnum(['jpeg', 'png', 'webp'])),
    formats: Type.Optional(Type.Array(StringEnum(['jpeg', 'png', 'webp']))),
    lossless: Type.Optional(Type.Boolean()),
    opacity: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    width: Type.Optional(Type.Integer()),
    percentiles: Type.Optional(Type.Array(Type.Number())),
  },
  { additionalProperties: false },
);

/** The value as it is read, or its faults. */
function read(input: 'json' | 'text', value: object): unknown {
  const validate = validatorCompiler(input)(schema);
  const data = structuredClone(value);
  return validate(data) ? data : schemaFaults(validate.errors).listed.map(({ message }) => message);
}

t.test('values are read in the spellings that clients write', async (t) => {
  for (const input of ['json', 'text'] as const) {
    t.strictSame(read(input, { format: 'JPG' }), { format: 'jpeg' });
    t.strictSame(read(input, { formats: ['jpg', 'PNG'] }), { formats: ['jpeg', 'png'] });
  }
  t.strictSame(read('text', { formats: 'jpg' }), { formats: ['jpeg'] });
  t.strictSame(read('text', { lossless: 'Yes' }), { lossless: true });
  t.strictSame(read('text', { lossless: '0' }), { lossless: false });
});

t.test('what cannot be read says how to write it', async (t) => {
  for (const [input, value, message] of [
    ['json', { lossless: 'yes' }, 'Expected true or false for lossless but received "yes"'],
    [
      'text',
      { format: 'wepb' },
      'Expected one of jpeg, png, webp for format but received "wepb" (did you mean webp?)',
    ],
    ['text', { format: 'bmp' }, 'Expected one of jpeg, png, webp for format but received "bmp"'],
    [
      'text',
      { opacity: '0,5' },
      'Expected a number from 0 to 1, written with a decimal point, for opacity but received "0,5"',
    ],
    [
      'text',
      { width: '1,500' },
      'Expected an integer, written without commas, for width but received "1,500"',
    ],
    [
      'text',
      { percentiles: '1,99' },
      'Expected a number (one value at a time: in a query, repeat the parameter) for percentiles[0] but received "1,99"',
    ],
    [
      'text',
      { formats: 'png,webp' },
      'Expected one of jpeg, png, webp (one value at a time: in a query, repeat the parameter) for formats[0] but received "png,webp"',
    ],
    ['text', { w: '1' }, 'Expected a known parameter but received "w" (did you mean width?)'],
    [
      'json',
      { foo: 1 },
      'Expected a known parameter (format, formats, lossless, opacity, width, percentiles) but received "foo"',
    ],
  ] as const) {
    t.strictSame(read(input, value), [message]);
  }
});

t.test('a part without parameters says so, and a long list is left out', async (t) => {
  const faultOf = (count: number) => {
    const names = Array.from({ length: count }, (_, index) => [
      `parameter_${index}`,
      Type.Optional(Type.Integer()),
    ]);
    const validate = validatorCompiler('json')(
      Type.Object(Object.fromEntries(names), { additionalProperties: false }),
    );
    return validate({ foo: 1 }) ? '' : schemaFaults(validate.errors).listed[0]?.message;
  };
  t.equal(faultOf(0), 'Expected no parameter but received "foo"');
  t.match(faultOf(12), /\(parameter_0, .*, parameter_11\)/);
  t.equal(faultOf(13), 'Expected a known parameter but received "foo"');
});
