import { type Static, Type } from '@sinclair/typebox';
import { PageOf, PageQuery } from '../core/cursor.ts';
import {
  Nullable,
  NullableRef,
  NullableTimestamp,
  ObjectWithDefaults,
  SchemaRef,
  StringEnum,
  Timestamp,
  Uuid,
} from '../core/schema.ts';
import { FaultSchema } from '../http/problems/problems.ts';
import { ITEM_STATES, JOB_STATES, PRIORITIES } from './queue/job.ts';

const id = '3d8e5f04-5b1c-4a7e-9d0f-6f2c1b7a9e58';
const image = '5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11';

const items = (description: string) => Type.Integer({ minimum: 0, description });

const nullableUuid = (description: string) => Nullable('string', { format: 'uuid', description });

const JobProgressSchema = Type.Object(
  {
    total: items('Items in the job.'),
    queued: items('Items that have not started.'),
    running: items('Items that are being worked on.'),
    succeeded: items('Items whose result is stored.'),
    failed: items('Items that failed.'),
    cancelled: items('Items that were cancelled before they ended.'),
    expired: items('Items that did not start in time.'),
    done: items('Items that have ended in any way.'),
    fraction: Type.Number({
      minimum: 0,
      maximum: 1,
      description: 'The part of the work that is done: items, or bytes of an image log.',
    }),
    stage: Nullable('string', {
      description: 'What the job with one item is doing; null for others.',
      examples: ['reading rows'],
    }),
    bytes: Nullable('integer', { description: 'Bytes of an image log that have been read.' }),
    total_bytes: Nullable('integer', { description: 'Bytes of the image log.' }),
    rows: Nullable('integer', { description: 'Rows of an image log that have been read.' }),
    items_per_second: Nullable('number', {
      description: 'Items ended per second since the job started; null before the first.',
    }),
    estimated_end_at: NullableTimestamp({
      description: 'When the job ends if it goes on like this; null if that is not known.',
    }),
  },
  { $id: 'JobProgress', description: 'How far a job is.' },
);

const paths = `/jobs/${id}`;

export const JobSchema = Type.Object(
  {
    id: Uuid(),
    operation: Type.String({
      description: 'The last part of the path of the request that this job stands for.',
      examples: ['resize'],
    }),
    parameters: Type.Object(
      {},
      { additionalProperties: true, description: 'The parameters of the operation, with defaults.' },
    ),
    priority: StringEnum(PRIORITIES, { description: 'More urgent jobs come first.' }),
    state: StringEnum(JOB_STATES, {
      description:
        '`queued`: nothing has started. `running`: something has. The others are final: `succeeded` and `failed` are for all items, `partly_failed` for some; ' +
        '`cancelled` and `expired`: some items never started.',
    }),
    progress: SchemaRef(JobProgressSchema),
    version: Type.Integer({ minimum: 0, description: 'Raised by every change.' }),
    created_at: Timestamp(),
    started_at: NullableTimestamp(),
    ended_at: NullableTimestamp(),
    cancel_requested_at: NullableTimestamp(),
    expires_at: Timestamp({ description: 'When the items that have not started expire.' }),
    artifact_id: nullableUuid('What a job with one item has made, if that is an artifact.'),
    frame_set_id: nullableUuid('What a job with one item has made, if that is a frame set.'),
    result_url: Nullable('string', {
      format: 'uri-reference',
      description: 'The path of what a job with one item has made.',
      examples: ['/artifacts/0c4f9c52-98d8-4b0c-a6d5-8f7e6d5c4b3a'],
    }),
    items_url: Type.String({ format: 'uri-reference', examples: [`${paths}/items`] }),
    results_url: Type.String({ format: 'uri-reference', examples: [`${paths}/results`] }),
    errors_url: Type.String({ format: 'uri-reference', examples: [`${paths}/errors`] }),
    events_url: Type.String({ format: 'uri-reference', examples: [`${paths}/events`] }),
  },
  {
    $id: 'Job',
    description: 'Work in the background.',
    examples: [
      {
        id,
        operation: 'resize',
        parameters: { width: 300, format: 'webp' },
        priority: 'normal',
        state: 'running',
        progress: {
          total: 500,
          queued: 378,
          running: 2,
          succeeded: 119,
          failed: 1,
          cancelled: 0,
          expired: 0,
          done: 120,
          fraction: 0.24,
          stage: null,
          bytes: null,
          total_bytes: null,
          rows: null,
          items_per_second: 40.3,
          estimated_end_at: '2026-11-20T09:30:13.000Z',
        },
        version: 243,
        created_at: '2026-11-20T09:30:00.000Z',
        started_at: '2026-11-20T09:30:00.000Z',
        ended_at: null,
        cancel_requested_at: null,
        expires_at: '2026-11-27T09:30:00.000Z',
        artifact_id: null,
        frame_set_id: null,
        result_url: null,
        items_url: `${paths}/items`,
        results_url: `${paths}/results`,
        errors_url: `${paths}/errors`,
        events_url: `${paths}/events`,
      },
    ],
  },
);
export type JobResponse = Static<typeof JobSchema>;

const ItemProblemSchema = Type.Object(
  {
    code: Type.String({
      description: 'The code that a request for this item alone would have got.',
      examples: ['undecodable_image'],
    }),
    detail: Type.String({ examples: ['The picture is truncated.'] }),
    errors: Type.Optional(Type.Array(SchemaRef(FaultSchema))),
  },
  { $id: 'JobItemProblem', description: 'Why an item failed.' },
);

const ItemProgressSchema = Type.Object(
  {
    stage: Type.String({ examples: ['reading rows'] }),
    bytes: Nullable('integer'),
    total_bytes: Nullable('integer'),
    rows: Nullable('integer'),
  },
  { $id: 'JobItemProgress', description: 'How far an item is that takes long.' },
);

export const JobItemSchema = Type.Object(
  {
    position: Type.Integer({ minimum: 0, description: 'Place in the request, from 0.' }),
    input: Type.Object(
      {
        type: StringEnum(['image', 'artifact', 'file'], {
          description: '`file`: what was uploaded with the request.',
        }),
        id: nullableUuid('Null for a file.'),
      },
      { description: 'What the item works on.' },
    ),
    state: StringEnum(ITEM_STATES),
    attempts: Type.Integer({ minimum: 0, description: 'How often it was started.' }),
    progress: NullableRef(ItemProgressSchema),
    problem: NullableRef(ItemProblemSchema),
    artifact_id: nullableUuid('The artifact that it has made. It may have been deleted since.'),
    frame_set_id: nullableUuid('The frame set that it has made. It may have been deleted since.'),
    is_new: Type.Unsafe<boolean | null>({
      type: ['boolean', 'null'],
      description: 'Whether the result did not exist before.',
    }),
    result_url: Nullable('string', { format: 'uri-reference', description: 'The path of the result.' }),
    started_at: NullableTimestamp(),
    ended_at: NullableTimestamp(),
  },
  {
    $id: 'JobItem',
    description: 'One input of a job, and what became of it.',
    examples: [
      {
        position: 17,
        input: { type: 'image', id: image },
        state: 'failed',
        attempts: 1,
        progress: null,
        problem: { code: 'not_found', detail: `There is no image ${image}.` },
        artifact_id: null,
        frame_set_id: null,
        is_new: null,
        result_url: null,
        started_at: '2026-11-20T09:30:01.000Z',
        ended_at: '2026-11-20T09:30:01.000Z',
      },
    ],
  },
);
export type JobItemResponse = Static<typeof JobItemSchema>;

export const JobListQuerySchema = ObjectWithDefaults({
  ...PageQuery,
  state: Type.Optional(
    Type.Array(StringEnum(JOB_STATES), {
      maxItems: JOB_STATES.length,
      description: 'Only jobs in these states; may be repeated.',
    }),
  ),
  operation: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 50,
      description: 'Only jobs of this operation.',
      examples: ['resize'],
    }),
  ),
  created_after: Type.Optional(Timestamp({ description: 'Only jobs created at or after this time.' })),
  created_before: Type.Optional(Timestamp({ description: 'Only jobs created before this time.' })),
});

export const JobItemListQuerySchema = ObjectWithDefaults({
  ...PageQuery,
  state: Type.Optional(
    Type.Array(StringEnum(ITEM_STATES), {
      maxItems: ITEM_STATES.length,
      description: 'Only items in these states; may be repeated.',
    }),
  ),
});

/** The named schemas, for `addSchema`. */
export const JOB_SCHEMAS = [
  JobProgressSchema,
  JobSchema,
  PageOf('Job', 'A page of jobs.'),
  ItemProblemSchema,
  ItemProgressSchema,
  JobItemSchema,
  PageOf('JobItem', 'A page of items of a job.'),
];
