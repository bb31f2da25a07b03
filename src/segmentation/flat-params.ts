import { type TObject, type TSchema, Type } from '@sinclair/typebox';
import { StringEnum } from '../core/schema.ts';
import { METHOD_NAMES, METHODS } from './methods/index.ts';
import { DEFAULT_METHOD } from './methods/method.ts';

/** `invert` has another meaning in some methods. */
const INVERT =
  'Swap foreground and background. For multi_otsu: count classes downwards. For watershed: objects are darker than their background.';

function onlyFor(methods: readonly string[]): string {
  const names = methods.map((method) => `\`${method}\``).join(', ');
  return `Only for the ${methods.length === 1 ? 'method' : 'methods'} ${names}.`;
}

/**
 * The parameters of all methods side by side. Only the method has a default: the others must not be filled in for a method that
 * lacks them.
 */
function parametersOfAll(): Record<string, TSchema> {
  const found = new Map<string, { schema: TSchema; methods: string[] }>();
  for (const [method, { params }] of Object.entries(METHODS)) {
    const { properties }: TObject = params;
    for (const [name, schema] of Object.entries(properties)) {
      if (name === 'method') continue;
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

export const FLAT_PARAMS: Record<string, TSchema> = {
  method: StringEnum(METHOD_NAMES, {
    default: DEFAULT_METHOD,
    description: 'How to segment.',
    examples: ['watershed'],
  }),
  ...parametersOfAll(),
};
