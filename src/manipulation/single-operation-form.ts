import type { TObject, TProperties, TSchema } from '@sinclair/typebox';
import { ObjectWithDefaults } from '../core/schema.ts';
import type { RequestForm } from '../work/routes.ts';
import { OPERATIONS, type OperationName } from './operations/registry.ts';
import { OUTPUT_PROPERTIES } from './output.ts';
import { InputSchema, type PipelineRequest } from './pipeline.ts';

/** What a flat request asks for: one operation on pixels, or the conversion alone. */
export type FlatName = OperationName | 'convert';

type Section = 'operation' | 'input' | 'output';

const SECTION_PATHS: Record<Section, string> = {
  operation: '/operations/0',
  input: '/input',
  output: '/output',
};

/**
 * The parameters of the operation, how the picture is read and how the result is encoded, side by side: the same in a body
 * and in a query.
 *
 * @throws Error if two of them have the same name
 */
export function flatRequest(name: FlatName): RequestForm<TObject> {
  const sections: Record<Section, TProperties> = {
    operation: name === 'convert' ? {} : OPERATIONS[name].params.properties,
    input: InputSchema.properties,
    output: OUTPUT_PROPERTIES,
  };
  const sectionOf = new Map<string, Section>();
  const properties: Record<string, TSchema> = {};
  for (const section of Object.keys(sections) as Section[]) {
    for (const [property, schema] of Object.entries(sections[section])) {
      if (sectionOf.has(property)) throw new Error(`${name} has two parameters called ${property}.`);
      sectionOf.set(property, section);
      properties[property] = schema;
    }
  }
  const title = name.charAt(0).toUpperCase() + name.slice(1);
  return {
    schema: ObjectWithDefaults(properties, { $id: `${title}Request`, title: `${title} request` }),
    read(values): PipelineRequest {
      const pick = (section: Section) =>
        Object.fromEntries(Object.entries(values).filter(([key]) => sectionOf.get(key) === section));
      return {
        operations: name === 'convert' ? [] : [{ ...pick('operation'), op: name }],
        input: pick('input'),
        output: pick('output'),
      } as PipelineRequest;
    },
    locate(path) {
      for (const start of Object.values(SECTION_PATHS)) {
        if (path === start) return '';
        if (path.startsWith(`${start}/`)) return path.slice(start.length);
      }
      return path;
    },
  };
}
