import { type TObject, type TSchema, Type } from '@sinclair/typebox';
import {
  boxText,
  POINTS,
  parsePoints,
  pointsText,
  pointText,
  queryForm,
  taggedText,
} from '../work/query-form.ts';
import { METHOD_NAMES, METHODS } from './methods/index.ts';
import { DEFAULT_METHOD } from './methods/method.ts';

/** Structured parameters, which a query holds as text. */
const TEXTS = {
  box: boxText({
    names: ['x', 'y', 'width', 'height'],
    description:
      'A box around the object, `x,y,width,height`. Only for the method `grabcut`, which requires it.',
    example: '40,20,320,240',
  }),
  point: pointText({
    description:
      'Keep only the region of similar colours that is connected to this pixel, `x,y`. Only for the method `color`.',
    example: '120,80',
  }),
  foreground: pointsText({
    description: 'Points that are certainly part of the object, `x,y;x,y;…`. Only for the method `grabcut`.',
    example: '120,80;130,90',
  }),
  background: pointsText({
    description:
      'Points that are certainly not part of the object, `x,y;x,y;…`. Only for the method `grabcut`.',
    example: '5,5;310,5',
  }),
  markers: taggedText(
    {
      levels: {
        pattern: '\\d{1,3},\\d{1,3}',
        parse: (text) => {
          const [low, high] = text.split(',').map(Number);
          return { from: 'levels', low, high };
        },
      },
      distance: {
        pattern: '\\d{1,5}(?:,\\d{1,3})?',
        parse: (text) => {
          const [min_distance, threshold] = text.split(',').map(Number);
          return { from: 'distance', min_distance, ...(threshold === undefined ? {} : { threshold }) };
        },
      },
      points: {
        pattern: `${POINTS}(?:\\|${POINTS})?`,
        parse: (text) => {
          const [points = '', background = ''] = text.split('|');
          return { from: 'points', points: parsePoints(points), background: parsePoints(background) };
        },
      },
    },
    {
      description:
        'Where flooding starts: `levels:LOW,HIGH`; `distance:MIN_DISTANCE` or `distance:MIN_DISTANCE,THRESHOLD`; or `points:x,y;x,y;…`, ' +
        'with points of the background after a `|`. Only for the method `watershed`.',
      example: 'levels:30,150',
    },
  ),
};

/** `invert` has another meaning in some methods. */
const INVERT =
  'Swap foreground and background. For multi_otsu: count classes downwards. For watershed: objects are darker than their background.';

function onlyFor(methods: readonly string[]): string {
  const names = methods.map((method) => `\`${method}\``).join(', ');
  return `Only for the ${methods.length === 1 ? 'method' : 'methods'} ${names}.`;
}

/** Every parameter that is one value, without its default: it must not be filled in for a method that lacks it. */
function plainParameters(): Record<string, TSchema> {
  const found = new Map<string, { schema: TSchema; methods: string[] }>();
  for (const [method, { params }] of Object.entries(METHODS)) {
    const { properties }: TObject = params;
    for (const [name, schema] of Object.entries(properties)) {
      if (name === 'method' || name in TEXTS) continue;
      const known = found.get(name);
      if (known) known.methods.push(method);
      else found.set(name, { schema, methods: [method] });
    }
  }
  return Object.fromEntries(
    [...found].map(([name, { schema, methods }]) => {
      const { default: fallback, description, ...rules } = schema;
      const parts = [
        name === 'invert' ? INVERT : description,
        fallback === undefined ? '' : `Default: ${fallback}.`,
        methods.length === METHOD_NAMES.length ? '' : onlyFor(methods),
      ];
      return [name, Type.Optional(Type.Unsafe({ ...rules, description: parts.filter(Boolean).join(' ') }))];
    }),
  );
}

/** The parameters of all methods in a query. */
export const SEGMENTATION_QUERY = queryForm(
  {
    method: Type.Unsafe({
      type: 'string',
      enum: METHOD_NAMES,
      default: DEFAULT_METHOD,
      description: 'How to segment.',
      examples: ['watershed'],
    }),
    ...plainParameters(),
  },
  TEXTS,
);
