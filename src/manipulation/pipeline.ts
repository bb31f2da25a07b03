import { type Static, Type } from '@sinclair/typebox';
import { canonicalColor } from '../core/color.ts';
import { AppError, type Fault } from '../core/errors.ts';
import { parameterErrors, parameterFault } from '../core/faults.ts';
import { ObjectWithDefaults, SchemaRef, TaggedUnion, withDefaults } from '../core/schema.ts';
import { FORMATS, formatOfMediaType, type ImageFormat } from '../pictures/formats.ts';
import { isColorSchema } from './operations/color.ts';
import { pointerAt, type Reference, type Report, referenceKey } from './operations/operation.ts';
import { OPERATION_NAMES, OPERATIONS, type OperationStep } from './operations/registry.ts';
import {
  OUTPUT_PROPERTIES,
  type Output,
  type OutputRequest,
  OutputSchema,
  resolveOutput,
  StrictSchema,
} from './output.ts';

/** Raised when the same pipeline gives another picture than before, so that no older result is reused. */
export const PIPELINE_VERSION = 3;

const MAX_OPERATIONS = 32;

export const InputSchema = ObjectWithDefaults(
  {
    page: Type.Optional(
      Type.Integer({
        description:
          'Page of an animation or a TIFF, from 0. Without it, an animation stays animated, and a TIFF gives its first page.',
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
type InputRequest = Static<typeof InputSchema>;

export const ConvertSchema = ObjectWithDefaults(
  { op: Type.Literal('convert', { description: 'The operation.' }), ...OUTPUT_PROPERTIES },
  {
    $id: 'ConvertOperation',
    title: 'Convert',
    description:
      'Encodes in another format or with other options, like `output`. `convert` is allowed only as the last operation.',
  },
);
type ConvertStep = Static<typeof ConvertSchema>;

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
      description: 'The operations, carried out in this order.',
      maxItems: MAX_OPERATIONS,
      default: [],
      examples: [[{ op: 'resize', width: 800 }, { op: 'grayscale' }]],
    }),
    output: Type.Optional(SchemaRef(OutputSchema)),
    strict: StrictSchema,
  },
  {
    $id: 'Pipeline',
    title: 'Pipeline',
    description: 'Operations on a picture, how it is read, and how the result is encoded.',
  },
);
export type PipelineRequest = Static<typeof PipelineSchema>;

/** All schemas with names (`$id`) in an order for `addSchema`: a schema follows those that it refers to. */
export const PIPELINE_SCHEMAS = [InputSchema, OutputSchema, ...STEP_SCHEMAS, OperationSchema, PipelineSchema];

/** A canonical pipeline: defaults are filled in and everything has one spelling, so that equal work is equal data. */
export interface Pipeline {
  input: InputRequest;
  operations: OperationStep[];
  output: Output;
}

export interface CanonicalizeOptions {
  /** Format of the picture that the pipeline starts from. */
  inputFormat: ImageFormat;
  /** The media types that the client accepts, most preferred first, for `format: auto`. */
  accepts?: () => readonly string[];
  /** Told the path of each option that is dropped because the request is not strict. */
  ignore?: (path: string) => void;
}

/**
 * The canonical form of a pipeline that fits `PipelineSchema`. A `convert` step becomes the output, so that both give the
 * same pipeline.
 *
 * @throws AppError `validation_failed` with every fault that can be told without pixels; paths are those of the request
 */
export function canonicalizePipeline(
  request: PipelineRequest,
  { inputFormat, accepts = () => [], ignore = () => undefined }: CanonicalizeOptions,
): Pipeline {
  const faults: Fault[] = [];
  const report: Report = (path, expected, received) => {
    faults.push(parameterFault(path, expected, received));
  };

  const operations: OperationStep[] = [];
  let given: OutputRequest = request.output ?? {};
  let outputPath = '/output';
  for (const [index, step] of (request.operations ?? []).entries()) {
    const at = pointerAt(index);
    if (step.op === 'convert') {
      const { op: _op, ...options } = step;
      if (index < request.operations.length - 1) {
        report(at('op'), 'an operation other than convert, which comes last,', step.op);
      }
      if (request.output !== undefined) {
        report('/output', 'nothing, because a convert operation says the same,', request.output);
      }
      given = options;
      outputPath = at('');
    } else {
      operations.push(canonicalizeStep(step, (parameter, ...fault) => report(at(parameter), ...fault)));
    }
  }

  const format = resolveFormat(given.format, inputFormat, accepts);
  const output = resolveOutput(
    given,
    format,
    (parameter, ...fault) => report(`${outputPath}/${parameter}`, ...fault),
    request.strict === false ? (option) => ignore(`${outputPath}/${option}`) : undefined,
  );
  if (faults.length > 0) throw parameterErrors(faults);
  return { input: canonicalizeInput(request.input, inputFormat), operations, output };
}

/** The other images and artifacts that the operations need, each once. */
export function pipelineReferences(pipeline: Pick<Pipeline, 'operations'>): Reference[] {
  const references = pipeline.operations.flatMap((step) => OPERATIONS[step.op].inputs(step));
  return [...new Map(references.map((item) => [referenceKey(item), item])).values()];
}

function canonicalizeStep(given: OperationStep, report: Report): OperationStep {
  const { op, ...params } = given;
  const operation = OPERATIONS[op];
  const filled = withDefaults(operation.params, params);
  const spelled = Object.fromEntries(
    Object.entries(filled).map(([name, value]) => {
      const isColor = isColorSchema(operation.params.properties[name]);
      return [name, isColor && typeof value === 'string' ? canonicalColor(value) : value];
    }),
  );
  operation.validate(spelled, report);
  // The parameters fit the schema of the operation that `op` names.
  return { ...operation.canonicalize(spelled), op } as OperationStep;
}

function canonicalizeInput(given: Partial<InputRequest> | undefined, format: ImageFormat): InputRequest {
  const { page, ...input } = withDefaults(InputSchema, given ?? {});
  if (format === 'tiff') return { ...input, page: page ?? 0 };
  const isOnlyPage = !FORMATS[format].pages && page === 0;
  return page === undefined || isOnlyPage ? input : { ...input, page };
}

/** AVIF comes second, because it takes much more CPU time. */
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
  const preferred = [...AUTO_FORMATS, inputFormat].find((candidate) => named.includes(candidate)) ?? named[0];
  if (preferred !== undefined) return preferred;
  if (types.length > 0 && !types.includes('*/*') && !types.includes('image/*')) {
    throw new AppError('not_acceptable', `Accept allows none of the picture formats: ${types.join(', ')}.`);
  }
  return inputFormat;
}
