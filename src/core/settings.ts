import { type Static, type TObject, type TProperties, Type } from '@sinclair/typebox';
import { schemaFaults } from './schema-faults.ts';
import { validatorCompiler } from './validator.ts';

/** Settings by the names of their environment variables. Each part of the service declares its settings in a `settings.ts`. */
export type Settings<Properties extends TProperties> = Static<TObject<Properties>>;

export const MIB = 1024 * 1024;
export const GIB = 1024 * MIB;

export const text = (description: string, fallback?: string) =>
  Type.String({ description, ...(fallback === undefined ? {} : { default: fallback }) });
export const count = (
  description: string,
  fallback: number,
  minimum = 1,
  maximum = Number.MAX_SAFE_INTEGER,
) => Type.Integer({ description, default: fallback, minimum, maximum });
export const flag = (description: string, fallback: boolean) =>
  Type.Boolean({ description, default: fallback });

/** One or more settings are wrong. The message names each variable and its fault. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * Reads settings from environment variables: text is converted to the type in the schema (an empty value counts as unset), and
 * defaults are filled in.
 *
 * @throws ConfigError naming every variable that is wrong
 */
export function readSettings<Properties extends TProperties>(
  schema: TObject<Properties>,
  env: Readonly<Record<string, string | undefined>>,
): Settings<Properties> {
  const given = Object.keys(schema.properties).flatMap((name) => {
    const value = env[name]?.trim() ?? '';
    return value === '' ? [] : [[name, value]];
  });
  const candidate: unknown = Object.fromEntries(given);
  const validate = validatorCompiler('text')(schema);
  const isValid = (value: unknown): value is Settings<Properties> => validate(value);
  if (isValid(candidate)) return candidate;
  const faults = schemaFaults(validate.errors).listed.map(({ message }) => message);
  const list = faults.length === 1 ? ` ${faults[0]}.` : `\n  ${faults.join('\n  ')}`;
  throw new ConfigError(`Bad configuration:${list}`);
}
