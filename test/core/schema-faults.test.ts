import { type TSchema, Type } from '@sinclair/typebox';
import t from 'tap';
import { mismatch, nameOf, parameterErrors, parameterFault, Words } from '../../src/core/faults.ts';
import { Nullable, StringEnum, Timestamp, Uuid } from '../../src/core/schema.ts';
import { schemaFaults } from '../../src/core/schema-faults.ts';
import { type SharedSchemas, validatorCompiler } from '../../src/core/validator.ts';

/** The faults that a value has by a schema, as `path: message`. */
function faultsOf(
  schema: TSchema,
  data: unknown,
  input: 'json' | 'text' = 'json',
  shared: SharedSchemas = {},
): string[] {
  const validate = validatorCompiler(input, shared)(schema);
  return validate(data)
    ? []
    : schemaFaults(validate.errors).listed.map(({ path, message }) => `${path}: ${message}`);
}

/** What is wrong with a property of an object: the messages at its path, and anything else in full. */
function faultOf(property: TSchema, value: unknown, input?: 'json' | 'text'): string {
  return faultsOf(Type.Object({ size: property }), { size: value }, input)
    .join('; ')
    .replace(/^\/size: /, '');
}

const PORT = Type.Integer({ minimum: 1, maximum: 65_535 });

t.test('what is expected of a value is told in full, whatever of it failed', async (t) => {
  for (const [schema, value, message] of [
    [PORT, '80', 'Expected an integer from 1 to 65535 for size but received "80"'],
    [PORT, 0, 'Expected an integer from 1 to 65535 for size but received 0'],
    [PORT, 65_536, 'Expected an integer from 1 to 65535 for size but received 65536'],
    [PORT, 0.5, 'Expected an integer from 1 to 65535 for size but received 0.5'],
    [PORT, null, 'Expected an integer from 1 to 65535 for size but received null'],
    [Type.Integer(), true, 'Expected an integer for size but received true'],
    [Type.Integer({ minimum: 1 }), 0, 'Expected an integer of at least 1 for size but received 0'],
    [Type.Integer({ maximum: 9 }), 10, 'Expected an integer of at most 9 for size but received 10'],
    [Type.Number({ exclusiveMinimum: 0 }), 0, 'Expected a number above 0 for size but received 0'],
    [
      Type.Number({ exclusiveMinimum: 0, maximum: 1 }),
      2,
      'Expected a number above 0 and of at most 1 for size but received 2',
    ],
    [
      Type.Number({ minimum: 0, exclusiveMaximum: 1 }),
      1,
      'Expected a number of at least 0 and below 1 for size but received 1',
    ],
    [
      Type.Integer({ minimum: 3, maximum: 9, multipleOf: 3 }),
      4,
      'Expected an integer from 3 to 9 and that is a multiple of 3 for size but received 4',
    ],
    [Type.Boolean(), 'yes', 'Expected true or false for size but received "yes"'],
    [Type.Null(), 0, 'Expected null for size but received 0'],
    [StringEnum(['a', 'b', 'c']), 'd', 'Expected one of a, b, c for size but received "d"'],
    [StringEnum(['a', 'b', 'c']), 7, 'Expected one of a, b, c for size but received 7'],
    [StringEnum(['a']), 'b', 'Expected "a" for size but received "b"'],
    [Type.Literal('otsu'), 'sobel', 'Expected "otsu" for size but received "sobel"'],
    [Type.Literal(8), 16, 'Expected 8 for size but received 16'],
    [Type.Literal(false), true, 'Expected false for size but received true'],
    [Type.String(), 7, 'Expected text for size but received 7'],
    [Type.String({ minLength: 1 }), '', 'Expected text of at least 1 character for size but received ""'],
    [
      Type.String({ maxLength: 2 }),
      'abc',
      'Expected text of at most 2 characters for size but received "abc"',
    ],
    [
      Type.String({ minLength: 1, maxLength: 2 }),
      'abc',
      'Expected text of 1 to 2 characters for size but received "abc"',
    ],
    [
      Type.String({ pattern: '^\\d+,\\d+$', examples: ['120,80', '0,0'] }),
      'x',
      'Expected text like "120,80" for size but received "x"',
    ],
    [
      Type.String({ pattern: '^a', maxLength: 3, examples: ['abc'] }),
      'bcde',
      'Expected text of at most 3 characters like "abc" for size but received "bcde"',
    ],
    [Type.String({ pattern: '^a+$' }), 'b', 'Expected text in the documented form for size but received "b"'],
    [
      Type.String({ format: 'color' }),
      'reddish',
      'Expected a colour such as red, #336699, 33669980 or rgb(51, 102, 153) for size but received "reddish"',
    ],
    [
      Type.String({ format: 'opaque-color' }),
      '#33669980',
      'Expected a colour without transparency such as red, #336699, 369 or rgb(51, 102, 153) for size but received "#33669980"',
    ],
    [Uuid(), 'x', 'Expected a UUID for size but received "x"'],
    [Type.String({ format: 'uri' }), 'x', 'Expected a URI for size but received "x"'],
    [Type.String({ format: 'ipv4' }), 'x', 'Expected text in the format ipv4 for size but received "x"'],
    [
      Timestamp(),
      '2026-02-30T00:00:00Z',
      'Expected a date and time with a zone, from year 1 on (such as 2026-11-20T09:30:00Z) for size but received "2026-02-30T00:00:00Z"',
    ],
    [
      Nullable('string', { maxLength: 2 }),
      'abc',
      'Expected text of at most 2 characters or null for size but received "abc"',
    ],
    [Type.Array(Type.Integer()), 7, 'Expected an array for size but received 7'],
    [
      Type.Array(Type.Integer(), { minItems: 2, maxItems: 2 }),
      [1],
      'Expected an array of 2 items for size but received an array of 1 item',
    ],
    [
      Type.Array(Type.Integer(), { minItems: 1, maxItems: 9, uniqueItems: true }),
      [],
      'Expected an array of 1 to 9 different items for size but received an array of 0 items',
    ],
    [Type.Object({}), [], 'Expected an object for size but received an array of 0 items'],
    [
      Type.Object({ a: Type.Optional(PORT), b: Type.Optional(PORT) }, { minProperties: 1, maxProperties: 1 }),
      { a: 1, b: 2 },
      'Expected an object of 1 property (a, b) for size but received an object of 2 properties',
    ],
    [
      Type.Record(Type.String(), PORT, { maxProperties: 1 }),
      { a: 1, b: 2 },
      'Expected an object of at most 1 property for size but received an object of 2 properties',
    ],
    [
      Type.Union([Type.Literal('all'), PORT]),
      'none',
      'Expected "all" or an integer from 1 to 65535 for size but received "none"',
    ],
    [
      Type.Unsafe({ oneOf: [{ type: 'integer' }, { type: 'null' }] }),
      'x',
      'Expected an integer or null for size but received "x"',
    ],
    [Type.Not(Type.Null()), null, 'Expected a valid value for size but received null'],
    [Type.Number(), Number.POSITIVE_INFINITY, 'Expected a number for size but received Infinity'],
    [Type.String(), 'a\0', 'Expected text without NUL characters for size but received "a\\u0000"'],
  ] as const) {
    t.equal(faultOf(schema, value), message, JSON.stringify(schema));
  }
});

t.test('text that was converted is told as what it was converted to', async (t) => {
  t.equal(faultOf(PORT, '0', 'text'), 'Expected an integer from 1 to 65535 for size but received 0');
  t.equal(faultOf(PORT, 'x', 'text'), 'Expected an integer from 1 to 65535 for size but received "x"');
  t.equal(faultOf(Type.Number(), '1e999', 'text'), 'Expected a finite number for size but received Infinity');
  t.equal(faultOf(Type.Boolean(), 'maybe', 'text'), 'Expected true or false for size but received "maybe"');
});

t.test('each value that is wrong has one fault, at its place and by its name', async (t) => {
  const point = Type.Object({ x: PORT, y: PORT }, { additionalProperties: false });
  const schema = Type.Object(
    {
      width: PORT,
      'a/b~c': Type.Optional(Type.Boolean()),
      points: Type.Optional(Type.Array(point)),
      channels: Type.Optional(Type.Array(Type.String(), { uniqueItems: true })),
    },
    { additionalProperties: false },
  );
  t.same(
    faultsOf(schema, { width: 0.5, points: [{ x: 1, y: 2 }, { x: -1.5 }, 7], 'a/b~c': 1, 'd/e~f': 1 }).sort(),
    [
      '/a~1b~0c: Expected true or false for a/b~c but received 1',
      '/d~1e~0f: Expected a known parameter (width, a/b~c, points, channels) but received "d/e~f"',
      '/points/1/x: Expected an integer from 1 to 65535 for x but received -1.5',
      '/points/1/y: Expected a value for y but received nothing',
      '/points/2: Expected an object for points[2] but received 7',
      '/width: Expected an integer from 1 to 65535 for width but received 0.5',
    ],
  );
  t.same(faultsOf(schema, {}), ['/width: Expected a value for width but received nothing']);
  t.same(faultsOf(schema, null), [': Expected an object but received null']);
  t.same(faultsOf(schema, { width: 1, channels: ['red', 'blue', 'red'] }), [
    '/channels/2: Expected a value that differs from all previous items for channels[2] but received "red"',
  ]);
  t.same(faultsOf(Type.Array(Type.Array(PORT), { uniqueItems: true }), [[1], [2], [1], [0]]).sort(), [
    '/2: Expected a value that differs from all previous items for [2] but received an array of 1 item',
    '/3/0: Expected an integer from 1 to 65535 for [3][0] but received 0',
  ]);
});

t.test('of a discriminated union, the faults of the chosen branch alone are told', async (t) => {
  const levels = Type.Object(
    { from: Type.Literal('levels'), low: PORT },
    { additionalProperties: false, $id: 'Levels' },
  );
  const points = Type.Object(
    { from: Type.Literal('points'), x: PORT },
    { additionalProperties: false, $id: 'Points' },
  );
  const markers = Type.Unsafe({
    type: 'object',
    required: ['from'],
    properties: { from: { type: 'string', enum: ['levels', 'points'] } },
    discriminator: { propertyName: 'from' },
    oneOf: [{ $ref: 'Levels#' }, { $ref: 'Points#' }],
  });
  const schema = Type.Object({ markers });
  for (const [given, ...faults] of [
    [{ from: 'levels', low: 0 }, '/markers/low: Expected an integer from 1 to 65535 for low but received 0'],
    [
      { from: 'points', low: 7 },
      '/markers/x: Expected a value for x but received nothing',
      '/markers/low: Expected a known parameter (from, x) but received "low"',
    ],
    [{ from: 'space' }, '/markers/from: Expected one of levels, points for from but received "space"'],
    [{ from: 7 }, '/markers/from: Expected one of levels, points for from but received 7'],
    [{}, '/markers/from: Expected a value for from but received nothing'],
    ['levels', '/markers: Expected an object for markers but received "levels"'],
  ] as const) {
    t.same(faultsOf(schema, { markers: given }, 'json', { levels, points }), faults, JSON.stringify(given));
  }
});

t.test('messages and paths stay short whatever a client sends, and of one line', async (t) => {
  const long = `${'\u{1f600}'.repeat(99)}\n${'x'.repeat(100_000)}`;
  const schema = Type.Object(
    { size: PORT, mark: Type.Optional(Type.String({ pattern: `^${'a'.repeat(5000)}$` })) },
    { additionalProperties: false },
  );
  for (const data of [
    { size: long },
    { size: Array(9999).fill(long) },
    { size: 1, [long]: 1 },
    { size: 1, mark: long },
  ]) {
    const validate = validatorCompiler('json')(schema);
    t.notOk(validate(data));
    for (const { path, message } of schemaFaults(validate.errors).listed) {
      t.ok(message.length < 1000 && path.length < 1000, `${path.length} and ${message.length} characters`);
      t.ok(message.isWellFormed());
      t.notMatch(message, /\n/);
    }
  }
});

t.test('faults are worded by one function, and name the parameter', async (t) => {
  t.equal(mismatch('', 'an object', []), 'Expected an object but received an array of 0 items');
  t.equal(mismatch('mask', 'a mask', new Words('a photo')), 'Expected a mask for mask but received a photo');
  t.equal(nameOf('/operations/0/width'), 'width');
  t.equal(nameOf('/markers/points/3'), 'points[3]');
  t.equal(nameOf('/a~1b~0c'), 'a/b~c');
  t.equal(nameOf('/~01'), '~1');
  t.equal(nameOf(''), '');
  const faults = ['width', 'height', 'fit'].map((name) => parameterFault(`/${name}`, 'another value', 0));
  const detailOf = (count: number) => parameterErrors(faults.slice(0, count)).detail;
  t.equal(detailOf(1), 'Expected another value for width but received 0');
  t.equal(detailOf(2), 'Expected another value for width but received 0 (and 1 more fault)');
  t.equal(detailOf(3), 'Expected another value for width but received 0 (and 2 more faults)');
  t.throws(() => parameterErrors([]), /at least one fault/);
});
