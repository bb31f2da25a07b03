import type { TSchema } from '@sinclair/typebox';
import { ConfigSchema } from '../../src/config.ts';
import { code, GENERATED, table, valuesOf } from './markdown.ts';

/** The part of a description that describes a default that is not a constant. */
const DEFAULT_IN_WORDS = /\s*Default: (.+?)\.$/;

function row([name, schema]: [string, TSchema]): string[] {
  const description = schema.description ?? '';
  const inWords = DEFAULT_IN_WORDS.exec(description)?.[1];
  const constant = schema.default === undefined || schema.default === '' ? '' : code(schema.default);
  return [code(name), valuesOf(schema), inWords ?? constant, description.replace(DEFAULT_IN_WORDS, '')];
}

/** `docs/configuration.md`: every setting. */
export function configurationPage(): string {
  return `# Configuration

${GENERATED}

Settings are environment variables. An empty variable counts as unset. If a value is invalid, the service refuses to start,
and the message names the variable. Bytes are plain numbers: 52428800 is 50 MiB.

${table(['variable', 'values', 'default', 'description'], Object.entries(ConfigSchema.properties).map(row))}
`;
}
