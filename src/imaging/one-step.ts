import { type TObject, type TProperties, Type } from '@sinclair/typebox';
import { ObjectWithDefaults } from '../schema.ts';
import { OPERATIONS, type OperationName, type OperationStep } from './operations/registry.ts';
import { OUTPUT_PROPERTIES, type OutputRequest } from './output.ts';
import { type InputRequest, InputSchema, type PipelineRequest } from './pipeline.ts';

/** A request for one operation, as a JSON body or as the parameters of a query. */
export interface OneStep {
  /** The operation's parameters, `input` and `output`. Refers to `PIPELINE_SCHEMAS`. */
  body: TObject;
  /** All of it flat. */
  query: TObject;
  /** @param body fits the schema `body` */
  fromBody(body: Record<string, unknown>): PipelineRequest;
  /** @param query fits the schema `query` */
  fromQuery(query: Record<string, unknown>): PipelineRequest;
  /** Where in the body what a fault's path in the pipeline names was given. */
  bodyPath(path: string): string;
  /** The same for the query. */
  queryPath(path: string): string;
}

type Section = 'operation' | 'input' | 'output';

const SECTION_PATHS: Record<Section, string> = {
  operation: '/operations/0/',
  input: '/input/',
  output: '/output/',
};

/**
 * The request of one operation, or of the conversion alone. Either way the pipeline is the same as a transform's with
 * one step.
 */
export function oneStep(name: OperationName | 'convert'): OneStep {
  const params: TProperties = name === 'convert' ? {} : OPERATIONS[name].params.properties;
  const title = name.charAt(0).toUpperCase() + name.slice(1);
  const input = Type.Optional(Type.Unsafe<InputRequest>({ $ref: 'PipelineInput#' }));
  const output = Type.Optional(Type.Unsafe<OutputRequest>({ $ref: 'PipelineOutput#' }));

  const sections: Record<Section, TProperties> = {
    operation: params,
    input: InputSchema.properties,
    output: OUTPUT_PROPERTIES,
  };

  return {
    body: ObjectWithDefaults(
      name === 'convert' ? { ...OUTPUT_PROPERTIES, input } : { ...params, input, output },
      {
        $id: `${title}Request`,
        title: `${title} request`,
      },
    ),
    query: ObjectWithDefaults(
      { ...sections.operation, ...sections.input, ...sections.output },
      { title: `${title} query` },
    ),
    fromBody({ input: given, output: encoding, ...rest }) {
      return name === 'convert' ? toPipeline(name, {}, given, rest) : toPipeline(name, rest, given, encoding);
    },
    fromQuery(query) {
      const pick = (section: Section) => {
        const entries = Object.entries(query).filter(
          ([parameter, value]) => parameter in sections[section] && value !== undefined,
        );
        return entries.length === 0 ? undefined : Object.fromEntries(entries);
      };
      return toPipeline(name, pick('operation') ?? {}, pick('input'), pick('output'));
    },
    bodyPath(path) {
      const own = name === 'convert' ? SECTION_PATHS.output : SECTION_PATHS.operation;
      return path.startsWith(own) ? `/${path.slice(own.length)}` : path === '/operations/0' ? '' : path;
    },
    queryPath(path) {
      const start = Object.values(SECTION_PATHS).find((section) => path.startsWith(section));
      if (start !== undefined) return `/${path.slice(start.length)}`;
      return path === '/operations/0' ? '' : path;
    },
  };
}

/** The parts were validated by the schemas above, which TypeScript cannot see through a table. */
function toPipeline(
  name: OperationName | 'convert',
  params: object,
  input: unknown,
  output: unknown,
): PipelineRequest {
  return {
    operations: name === 'convert' ? [] : [{ ...params, op: name } as OperationStep],
    ...(input === undefined ? {} : { input: input as InputRequest }),
    ...(output === undefined ? {} : { output: output as OutputRequest }),
  };
}
