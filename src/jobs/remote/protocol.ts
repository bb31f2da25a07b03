import { type Static, Type } from '@sinclair/typebox';
import { ERROR_CODES } from '../../core/errors.ts';
import { NullableEnum, StringEnum, Uuid } from '../../core/schema.ts';
import { IMAGE_FORMATS } from '../../pictures/formats.ts';
import { LANES } from '../queue/job.ts';

/*
 * What API and workers say to each other, below `/internal/v1`. A change that an older worker or API does not understand gets a new
 * version; fields that are added are ignored by those who do not know them.
 */
export const INTERNAL = '/internal/v1';

/** Maximum bytes of a frame of JSON. */
export const MAX_JSON_BYTES = 16 * 1024 * 1024;

export const LaneSchema = StringEnum(LANES);

/** `POST /claims`, with the credential of a worker. */
export const ClaimSchema = Type.Object({
  permit: Type.String({ maxLength: 200 }),
  lane: LaneSchema,
  /** Of the process, not of its credential. */
  worker_id: Uuid(),
  which: StringEnum(['alone', 'others']),
  /** The operations that the worker knows, and their versions. */
  versions: Type.Record(Type.String({ maxLength: 100 }), Type.Integer()),
});
export type ClaimBody = Static<typeof ClaimSchema>;

const Hash = Type.String({ pattern: '^[0-9a-f]{64}$' });
const BlobSchema = Type.Object({ sha256: Hash, size: Type.Integer({ minimum: 0 }) });
export type BlobBody = Static<typeof BlobSchema>;

/** Work on stored inputs, as `Work` has it. */
const WorkSchema = Type.Object({
  operation: Type.String({ maxLength: 100 }),
  version: Type.Integer(),
  inputs: Type.Array(Type.Object({ type: StringEnum(['image', 'artifact']), id: Uuid() }), {
    maxItems: 1000,
  }),
  params: Type.Object({}, { additionalProperties: true }),
});

/** Makes an artifact. */
const PictureTaskSchema = Type.Object({
  work: WorkSchema,
  inputs: Type.Array(
    Type.Object({
      format: NullableEnum(IMAGE_FORMATS),
      filename: Type.String(),
      content: Type.Union([BlobSchema, Type.Null()]),
      document: Type.Union([BlobSchema, Type.Null()]),
    }),
  ),
  /** Estimated milliseconds. */
  cost: Type.Number(),
});
export type PictureTask = Static<typeof PictureTaskSchema>;

/** The blobs that work on pictures reads. */
export function blobsOf(inputs: PictureTask['inputs']): BlobBody[] {
  return inputs.flatMap(({ content, document }) => [content ?? [], document ?? []].flat());
}

/** Reads an image log. */
const LogTaskSchema = Type.Object({
  file: BlobSchema,
  frame_set_id: Uuid(),
  /** As `IngestOptions`. */
  options: Type.Object({}, { additionalProperties: true }),
});
export type LogTask = Static<typeof LogTaskSchema>;

/** An item that a worker has claimed. */
export const ClaimedSchema = Type.Object({
  job_id: Uuid(),
  position: Type.Integer(),
  attempt: Type.Integer(),
  operation: Type.String(),
  is_alone: Type.Boolean(),
  /** Whose turn it was, so that the worker's queues are fair. */
  owner: Type.String(),
  /** For all further requests about this attempt. */
  token: Type.String(),
  task: Type.Union([Type.Object({ picture: PictureTaskSchema }), Type.Object({ log: LogTaskSchema })]),
});
export type ClaimedBody = Static<typeof ClaimedSchema>;

/** `POST /attempt/lease`. */
export const LeaseSchema = Type.Object({ token: Type.String(), is_cancelled: Type.Boolean() });
export type LeaseBody = Static<typeof LeaseSchema>;

/** `POST /attempt/progress`. */
export const ProgressSchema = Type.Object({
  stage: Type.String({ maxLength: 50 }),
  bytes: Type.Optional(Type.Integer({ minimum: 0 })),
  total_bytes: Type.Optional(Type.Integer({ minimum: 0 })),
  rows: Type.Optional(Type.Integer({ minimum: 0 })),
});

const FaultBody = Type.Object({
  path: Type.String({ maxLength: 500 }),
  message: Type.String({ maxLength: 5000 }),
});

/** Why an attempt failed. */
const ProblemBodySchema = Type.Object({
  code: StringEnum(ERROR_CODES),
  detail: Type.String({ maxLength: 5000 }),
  errors: Type.Optional(Type.Array(FaultBody, { maxItems: 100 })),
});

/** `POST /attempt/end`, of an attempt without a result. `given_back` with a problem: its process has died. */
export const EndSchema = Type.Object({
  outcome: StringEnum(['failed', 'cancelled', 'given_back']),
  problem: Type.Optional(ProblemBodySchema),
});
export type EndBody = Static<typeof EndSchema>;

/** The first frame of `POST /attempt/result`. The bytes of the content and of the document follow it. */
export const ResultSchema = Type.Object({
  work: WorkSchema,
  outcome: Type.Object({
    result: Type.Object({}, { additionalProperties: true }),
    content: BlobSchema,
    document: Type.Optional(BlobSchema),
  }),
});
export type ResultBody = Static<typeof ResultSchema>;

/** Whether an attempt has ended its item. False: it came too late, and nothing was changed. */
export const EndedSchema = Type.Object({ is_ended: Type.Boolean() });
