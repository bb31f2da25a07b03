import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { ObjectWithDefaults, StringEnum, TaggedUnion, Uuid } from '../core/schema.ts';
import { bodySchema } from '../http/responses/operation-documents.ts';
import type { BatchOperation } from './batch-operations.ts';
import { PRIORITIES } from './queue/job.ts';

type BatchOperations = ReadonlyMap<string, BatchOperation>;

/** What all requests for jobs have, whatever their operation. */
const common = (maxItems: number) => ({
  image_ids: Type.Optional(
    Type.Array(Uuid(), {
      minItems: 1,
      maxItems,
      description: 'The images to work on, each once. Not together with `filter`.',
      examples: [['5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11']],
    }),
  ),
  filter: Type.Optional(
    Type.Unsafe<object>({
      $ref: 'ImageFilter#',
      description: 'Works on the images that it selects now, newest first. Not together with `image_ids`.',
    }),
  ),
  priority: StringEnum(PRIORITIES, {
    default: 'normal',
    description: 'Items of more urgent jobs start first. Users take turns within a priority.',
  }),
});

function branchOf(name: string, parameters: TSchema, maxItems: number, options: { $id?: string } = {}) {
  return ObjectWithDefaults(
    {
      operation: Type.Literal(name, {
        description: 'The last part of the path of the POST that does the same to one image.',
      }),
      parameters: Type.Optional(
        Type.Unsafe<object>({ ...bodySchema(parameters), description: `The body of that POST.` }),
      ),
      ...common(maxItems),
    },
    options,
  );
}

/** A request for a job, with the defaults filled in. */
export type JobRequest = Static<ReturnType<typeof branchOf>>;

/** The schema by which requests are validated, after `completeRequest` has completed the parameters. */
export function jobRequestBody(operations: BatchOperations, maxItems: number) {
  const branches = [...operations].map(([name, { post }]) => branchOf(name, post.form.schema, maxItems));
  return Type.Unsafe<JobRequest>({
    ...TaggedUnion('operation', [...operations.keys()], branches, {}),
    oneOf: branches,
  });
}

/** The schemas of requests for the document: what clients may send. */
export function jobRequestSchemas(operations: BatchOperations, maxItems: number): TSchema[] {
  const branches = [...operations].map(([name, { post }]) =>
    branchOf(name, post.shorthand?.schema ?? post.form.schema, maxItems, { $id: nameOf(name) }),
  );
  const any = TaggedUnion('operation', [...operations.keys()], branches, {
    $id: JOB_REQUEST,
    description: 'One operation on many images. Exactly one of `image_ids` and `filter` says which.',
  });
  return [...branches, any, JobEstimateSchema];
}

/** The name of the schema of requests. */
export const JOB_REQUEST = 'JobRequest';

const nameOf = (operation: string) =>
  `${operation.replace(/^./, (letter) => letter.toUpperCase())}JobRequest`;

/**
 * Completes the parameters of a request before it is validated: they may be left out, and may be as short as in the POST of their
 * operation.
 */
export function completeRequest(operations: BatchOperations, body: unknown): void {
  if (typeof body !== 'object' || body === null) return;
  const request = body as { operation?: unknown; parameters?: unknown };
  const found = operations.get(String(request.operation));
  if (found === undefined) return;
  const { shorthand } = found.post;
  request.parameters = shorthand ? shorthand.complete(request.parameters) : (request.parameters ?? {});
}

export const JobHeadersSchema = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 255,
      description:
        'Any text that names this request, such as a UUID. A request with the same key and body gets the same job, so it can be sent again safely; another body gets a 409.',
      examples: ['8e03978e-40d5-43e8-bc93-6894a57f9324'],
    }),
  ),
});

const JobEstimateSchema = Type.Object(
  {
    operation: Type.String({ examples: ['resize'] }),
    images: Type.Integer({ minimum: 1, description: 'Images that the job would work on.' }),
    existing: Type.Integer({
      minimum: 0,
      description: 'Images whose result is stored already, so that it would not be computed again.',
    }),
    pixels: Type.Integer({
      minimum: 0,
      description: 'Pixels of all the images together: of an animation or a TIFF, those of one page.',
    }),
    estimated_seconds: Type.Number({
      minimum: 0,
      description:
        'Roughly how long the process that answers would take for what is not stored yet, if it had nothing else to do.',
    }),
  },
  {
    $id: 'JobEstimate',
    description: 'What a job would work on, and how long it would take.',
    examples: [
      { operation: 'resize', images: 500, existing: 120, pixels: 6_000_000_000, estimated_seconds: 42.5 },
    ],
  },
);
export type JobEstimate = Static<typeof JobEstimateSchema>;
