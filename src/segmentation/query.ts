import { type TObject, type TSchema, Type } from '@sinclair/typebox';
import { parameterError } from '../errors.ts';
import { ObjectWithDefaults } from '../schema.ts';
import { type RepresentationQuery, RepresentationQuerySchema } from './representation.ts';
import { METHOD_NAMES, METHOD_PARAMS } from './schemas.ts';

const POINT = '\\d{1,7},\\d{1,7}';

const points = (description: string) =>
  Type.Optional(
    Type.Array(Type.String({ pattern: `^${POINT}$`, description: 'A pixel, `x,y`.', examples: ['120,80'] }), {
      maxItems: 1000,
      description,
    }),
  );

/** Parameters that are more than one value, as text. */
const TEXT_FORMS = {
  box: Type.Optional(
    Type.String({
      pattern: `^${POINT},${POINT}$`,
      description: 'A box around the object, `x,y,width,height`. Of grabcut, which needs it.',
      examples: ['40,20,320,240'],
    }),
  ),
  point: Type.Optional(
    Type.String({
      pattern: `^${POINT}$`,
      description: 'Only the region of near colours that is connected to this pixel, `x,y`. Of color.',
      examples: ['120,80'],
    }),
  ),
  foreground: points('Points that are surely of the object, one `x,y` each. Of grabcut.'),
  background: points('Points that surely are not, one `x,y` each. Of grabcut.'),
  markers: Type.Optional(
    Type.String({
      maxLength: 8192,
      description: 'Where the flood starts: the `WatershedMarkers` as JSON. Of watershed.',
      examples: ['{"from":"levels","low":30,"high":150}'],
    }),
  ),
};

/** The same name means something else to some methods. */
const DESCRIPTIONS: Partial<Record<string, string>> = {
  invert:
    'Swap foreground and background; of multi_otsu, count classes downwards; of watershed, objects are darker than their background.',
};

/** Every parameter that is one value, once, without its default: methods that do not have it must not be given it. */
function plainParameters(): Record<string, TSchema> {
  const found = new Map<string, { schema: TSchema; methods: string[] }>();
  for (const [method, params] of Object.entries(METHOD_PARAMS)) {
    const { properties }: TObject = params;
    for (const [name, schema] of Object.entries(properties)) {
      if (name === 'method' || name in TEXT_FORMS) continue;
      const known = found.get(name);
      if (known) known.methods.push(method);
      else found.set(name, { schema, methods: [method] });
    }
  }
  return Object.fromEntries(
    [...found].map(([name, { schema, methods }]) => {
      const { default: fallback, description, ...rules } = schema;
      const parts = [
        DESCRIPTIONS[name] ?? description,
        fallback === undefined ? '' : `Default: ${fallback}.`,
        methods.length === METHOD_NAMES.length ? '' : `Of ${methods.join(', ')}.`,
      ];
      return [name, Type.Optional(Type.Unsafe({ ...rules, description: parts.filter(Boolean).join(' ') }))];
    }),
  );
}

/** The parameters of all methods, and the form in which the segmentation is given. */
export const SegmentationQuerySchema = ObjectWithDefaults({
  method: Type.Optional(
    Type.Unsafe({
      type: 'string',
      enum: METHOD_NAMES,
      description: 'How to segment. Default: otsu.',
      examples: ['watershed'],
    }),
  ),
  ...plainParameters(),
  ...TEXT_FORMS,
  ...RepresentationQuerySchema.properties,
});

/** What a query holds once it fits the schema. */
type SegmentationQuery = RepresentationQuery & {
  box?: string;
  point?: string;
  foreground?: string[];
  background?: string[];
  markers?: string;
};

/**
 * The parameters of a query as a body has them, and the form that is asked for.
 *
 * @throws AppError `validation_failed` for markers that are not JSON
 */
export function readSegmentationQuery(query: Record<string, unknown>): {
  given: Record<string, unknown>;
  representation: RepresentationQuery;
} {
  const {
    format,
    label,
    opacity,
    outlines,
    overlay_format,
    box,
    point,
    foreground,
    background,
    markers,
    ...given
  } = query as SegmentationQuery;
  const nested = {
    box: box === undefined ? undefined : toBox(box),
    point: point === undefined ? undefined : toPoint(point),
    foreground: foreground?.map(toPoint),
    background: background?.map(toPoint),
    markers: markers === undefined ? undefined : parseMarkers(markers),
  };
  return {
    given: { ...given, ...withoutUndefined(nested) },
    representation: withoutUndefined({ format, label, opacity, outlines, overlay_format }),
  };
}

/** The path in a query of what a fault names by its path in a body. */
export function queryPathOf(path: string): string {
  const [, name = '', index] = path.split('/');
  const isList = name === 'foreground' || name === 'background';
  return isList && index !== undefined ? `/${name}/${index}` : path && `/${name}`;
}

function toPoint(text: string): { x: number; y: number } {
  const [x = 0, y = 0] = text.split(',').map(Number);
  return { x, y };
}

function toBox(text: string): { x: number; y: number; width: number; height: number } {
  const [x = 0, y = 0, width = 0, height = 0] = text.split(',').map(Number);
  return { x, y, width, height };
}

function parseMarkers(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw parameterError('/markers', 'Expected JSON, such as {"from":"levels","low":30,"high":150}.');
  }
}

function withoutUndefined<T extends object>(object: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as never;
}
