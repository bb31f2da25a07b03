import { type Static, Type } from '@sinclair/typebox';
import { AppError, type Fault } from '../core/errors.ts';
import { parameterErrors, parameterFault } from '../core/faults.ts';
import { ObjectWithDefaults, SchemaRef, TaggedUnion, withDefaults } from '../core/schema.ts';
import { FORMATS, formatOfMediaType, type ImageFormat } from '../pictures/formats.ts';
import type { ImageLimits, SourceFile } from '../pictures/types.ts';
import { canonicalColor, isColorSchema } from './operations/color.ts';
import { pointerAt, type Reference, referenceKey } from './operations/operation.ts';
import { OPERATION_NAMES, OPERATIONS, type OperationStep } from './operations/registry.ts';
import { OUTPUT_PROPERTIES, type Output, type OutputRequest, OutputSchema, resolveOutput } from './output.ts';

/** Raised when the same pipeline gives another picture than before, so that stored results stay what they were. */
export const PIPELINE_VERSION = 2;

const MAX_OPERATIONS = 32;

export const InputSchema = ObjectWithDefaults(
  {
    page: Type.Optional(
      Type.Integer({
        description:
          'Which frame of an animation or page of a TIFF, from 0. Without it, an animation stays animated, and a TIFF gives its first page.',
        minimum: 0,
        maximum: 100_000,
        examples: [0],
      }),
    ),
    auto_orient: Type.Boolean({
      description: 'Turn the picture upright as EXIF says, before the operations.',
      default: true,
      examples: [true],
    }),
  },
  { $id: 'PipelineInput', title: 'Input', description: 'How the picture is read.' },
);
export type InputRequest = Static<typeof InputSchema>;

export const ConvertSchema = ObjectWithDefaults(
  { op: Type.Literal('convert', { description: 'The operation.' }), ...OUTPUT_PROPERTIES },
  {
    $id: 'ConvertOperation',
    title: 'Convert',
    description:
      'Encodes in another format or with other options: the same as `output`. The last operation only.',
  },
);
export type ConvertStep = Static<typeof ConvertSchema>;

const STEP_SCHEMAS = [...OPERATION_NAMES.map((name) => OPERATIONS[name].step), ConvertSchema];

const OperationSchema = Type.Unsafe<OperationStep | ConvertStep>(
  TaggedUnion('op', [...OPERATION_NAMES, 'convert'], STEP_SCHEMAS, {
    $id: 'Operation',
    description: 'One operation with its parameters; `op` names it.',
  }),
);

/** A pipeline as a client gives it. It names the schemas in `PIPELINE_SCHEMAS` by reference. */
export const PipelineSchema = ObjectWithDefaults(
  {
    input: Type.Optional(SchemaRef(InputSchema)),
    operations: Type.Array(SchemaRef(OperationSchema), {
      description: 'Done one after the other, in this order.',
      maxItems: MAX_OPERATIONS,
      default: [],
      examples: [[{ op: 'resize', width: 800 }, { op: 'grayscale' }]],
    }),
    output: Type.Optional(SchemaRef(OutputSchema)),
  },
  {
    $id: 'Pipeline',
    title: 'Pipeline',
    description: 'Operations on a picture, how it is read, and how the result is encoded.',
  },
);
export type PipelineRequest = Static<typeof PipelineSchema>;

/** All schemas that have names (`$id`), those that are referred to first: for Ajv's and Fastify's `addSchema`. */
export const PIPELINE_SCHEMAS = [InputSchema, OutputSchema, ...STEP_SCHEMAS, OperationSchema, PipelineSchema];

/** A canonical pipeline: every default filled in, one spelling for what is the same, so that equal work is equal data. */
export interface Pipeline {
  input: InputRequest;
  operations: OperationStep[];
  output: Output;
}

/** A pipeline for an image process to do. */
export interface TransformTask {
  /** The picture that the pipeline starts from. */
  source: SourceFile;
  /** The other inputs of its operations, by `referenceKey` of what the operations' parameters name. */
  inputs: Record<string, SourceFile>;
  pipeline: Pipeline;
  /** Where the encoded result is written, over what may be there. */
  outputPath: string;
  limits: ImageLimits;
}

export interface CanonicalizeOptions {
  /** Of the picture that the pipeline starts from. */
  inputFormat: ImageFormat;
  /** The media types that the client accepts, most preferred first, for `format: auto`. */
  accepts?: () => readonly string[];
}

/**
 * The canonical form of a pipeline that fits `PipelineSchema`. A `convert` step becomes the output, so that it, the
 * `output` and a single convert are the same.
 *
 * @throws AppError `validation_failed` with every fault that can be told without pixels; paths are those of the
 * request
 */
export function canonicalizePipeline(
  request: PipelineRequest,
  { inputFormat, accepts = () => [] }: CanonicalizeOptions,
): Pipeline {
  const faults: Fault[] = [];
  const report = (path: string, expected: string, received: unknown) =>
    faults.push(parameterFault(path, expected, received));

  const operations: OperationStep[] = [];
  let given: OutputRequest = request.output ?? {};
  let outputPath = '/output';
  for (const [index, step] of (request.operations ?? []).entries()) {
    const at = pointerAt(index);
    if (step.op === 'convert') {
      const { op: _op, ...options } = step;
      if (index < request.operations.length - 1) {
        report(at('op'), 'an operation other than convert, which goes last,', step.op);
      }
      if (request.output !== undefined) {
        report('/output', 'no value together with a convert operation, which says the same,', request.output);
      }
      given = options;
      outputPath = at('');
      continue;
    }
    const { step: canonical, faults: stepFaults } = canonicalizeStep(step);
    for (const { parameter, expected, received } of stepFaults) report(at(parameter), expected, received);
    operations.push(canonical);
  }

  const { output, faults: outputFaults } = resolveOutput(
    given,
    resolveFormat(given.format, inputFormat, accepts),
  );
  for (const { parameter, expected, received } of outputFaults) {
    report(`${outputPath}/${parameter}`, expected, received);
  }
  if (faults.length > 0) throw parameterErrors(faults);
  return { input: canonicalizeInput(request.input, inputFormat), operations, output };
}

/** The other images and artifacts that the operations need, each once. */
export function pipelineReferences(pipeline: Pick<Pipeline, 'operations'>): Reference[] {
  const references = pipeline.operations.flatMap((step) => OPERATIONS[step.op].inputs(step));
  return [...new Map(references.map((item) => [referenceKey(item), item])).values()];
}

function canonicalizeStep(given: OperationStep) {
  const { op, ...params } = given;
  const operation = OPERATIONS[op];
  const filled = withDefaults(operation.params, params);
  const spelled = Object.fromEntries(
    Object.entries(filled).map(([name, value]) => {
      const isColor = isColorSchema(operation.params.properties[name]);
      return [name, isColor && typeof value === 'string' ? canonicalColor(value) : value];
    }),
  );
  const faults = operation.validate(spelled);
  // The parameters fit their operation's schema, which `op` names.
  const step = { ...(faults.length === 0 ? operation.canonicalize(spelled) : spelled), op } as OperationStep;
  return { step, faults };
}

function canonicalizeInput(given: Partial<InputRequest> | undefined, format: ImageFormat): InputRequest {
  const { page, ...input } = withDefaults(InputSchema, given ?? {});
  if (format === 'tiff') return { ...input, page: page ?? 0 };
  const isOnlyPage = !FORMATS[format].pages && page === 0;
  return page === undefined || isOnlyPage ? input : { ...input, page };
}

/** AVIF comes second, since it takes much more CPU time. */
const AUTO_FORMATS = ['webp', 'avif'] as const;

function resolveFormat(
  format: OutputRequest['format'],
  inputFormat: ImageFormat,
  accepts: () => readonly string[],
): ImageFormat {
  if (format === undefined) return inputFormat;
  if (format !== 'auto') return format;
  const types = accepts();
  const named = types.flatMap((type) => formatOfMediaType(type) ?? []);
  const preferred = AUTO_FORMATS.find((candidate) => named.includes(candidate));
  if (preferred !== undefined) return preferred;
  if (named.includes(inputFormat)) return inputFormat;
  const [first] = named;
  if (first !== undefined) return first;
  if (types.length > 0 && !types.includes('*/*') && !types.includes('image/*')) {
    throw new AppError('not_acceptable', `Accept allows no picture: ${types.join(', ')}.`);
  }
  return inputFormat;
}
