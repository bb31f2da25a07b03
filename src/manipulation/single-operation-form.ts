import type { TObject, TProperties } from '@sinclair/typebox';
import { ObjectWithDefaults } from '../core/schema.ts';
import type { RequestForm } from '../work/routes.ts';
import { titleOf } from './operations/operation.ts';
import { OPERATIONS, type OperationName } from './operations/registry.ts';
import { OUTPUT_PROPERTIES, StrictSchema } from './output.ts';
import { InputSchema, type PipelineRequest } from './pipeline.ts';

const STRICT: TProperties = { strict: StrictSchema };

/** Where the parameters of a single operation stand in a pipeline. */
const PLACES = /^\/(operations\/0|input|output)(?=\/|$)/;

/**
 * The form of a request for a single operation or for a conversion: side by side, the parameters of the operation, of reading the
 * picture and of encoding the result. It is the same in a body and in a query.
 *
 * @throws Error if two of them have the same name
 */
export function singleOperationForm(name: OperationName | 'convert'): RequestForm<TObject> {
  const operation: TProperties = name === 'convert' ? {} : OPERATIONS[name].params.properties;
  const sections = [operation, InputSchema.properties, OUTPUT_PROPERTIES, STRICT];
  const properties: TProperties = Object.assign({}, ...sections);
  if (Object.keys(properties).length < sections.flatMap(Object.keys).length) {
    throw new Error(`Two parameters of ${name} have the same name.`);
  }
  const title = titleOf(name);
  return {
    schema: ObjectWithDefaults(properties, { $id: `${title}Request`, title: `${title} request` }),
    read(values): PipelineRequest {
      const pick = (section: TProperties) =>
        Object.fromEntries(Object.entries(values).filter(([key]) => Object.hasOwn(section, key)));
      return {
        operations: name === 'convert' ? [] : [{ ...pick(operation), op: name }],
        input: pick(InputSchema.properties),
        output: pick(OUTPUT_PROPERTIES),
        ...pick(STRICT),
      } as PipelineRequest;
    },
    locate: (path) => path.replace(PLACES, ''),
  };
}
