import type { OwnerId } from '../../auth/owner.ts';
import type { Fault } from '../../core/errors.ts';
import type { Retention } from '../../work/artifact.ts';
import type { StoredRef } from '../../work/inputs.ts';

/** Which workers take a job: pictures need image processes, image logs need threads. */
export const LANES = ['images', 'image_logs'] as const;
export type Lane = (typeof LANES)[number];

/** From the most urgent one. Rows hold the index. */
export const PRIORITIES = ['high', 'normal', 'low'] as const;
export type Priority = (typeof PRIORITIES)[number];

export const JOB_STATES = [
  'queued',
  'running',
  'succeeded',
  'failed',
  'partly_failed',
  'cancelled',
  'expired',
] as const;
export type JobState = (typeof JOB_STATES)[number];

export const ITEM_STATES = ['queued', 'running', 'succeeded', 'failed', 'cancelled', 'expired'] as const;
export type ItemState = (typeof ITEM_STATES)[number];

/** The name of the operation of a job that stores an image log: that of its route. */
export const LOG_UPLOAD = 'upload';

/** A job as it is stored. */
export interface Job {
  id: string;
  ownerId: OwnerId;
  lane: Lane;
  /** The last part of the path of its POST: `resize`, `histogram`, `upload`. */
  operation: string;
  /** As the body of that POST, with defaults. */
  parameters: object;
  priority: Priority;
  state: JobState;
  /** Items by state; `total` is their sum. */
  total: number;
  queued: number;
  running: number;
  succeeded: number;
  failed: number;
  cancelled: number;
  expired: number;
  /** Items that had ended when the rest was last tried again: they do not count for the rate. */
  doneBefore: number;
  /** Raised by every change. */
  version: number;
  createdAt: Date;
  startedAt: Date | null;
  endedAt: Date | null;
  cancelRequestedAt: Date | null;
  /** When the items that have not started expire. */
  expiresAt: Date;
  /** The item, if there is only one. */
  only: Pick<JobItem, 'artifactId' | 'frameSetId' | 'progress'> | null;
  /** The database's clock when the job was read. */
  readAt: Date;
}

/** What a running attempt reports of itself. */
export interface ItemProgress {
  /** What it does at the moment. */
  stage: string;
  /** Bytes of the input that are done, and all of them. */
  bytes?: number;
  total_bytes?: number;
  rows?: number;
}

/** Why an item failed: the public part of an `AppError`. */
export interface ItemProblem {
  code: string;
  detail: string;
  errors?: readonly Fault[];
}

/** One input of a job, and what became of it. */
export interface JobItem {
  jobId: string;
  /** From 0, in the order of the request. */
  position: number;
  input: StoredRef | { type: 'file'; id: null };
  state: ItemState;
  /** How often it was started. */
  attempt: number;
  progress: ItemProgress | null;
  problem: ItemProblem | null;
  artifactId: string | null;
  frameSetId: string | null;
  /** Whether the result did not exist before. */
  isNew: boolean | null;
  startedAt: Date | null;
  endedAt: Date | null;
}

/** A job that is to be stored. */
export interface NewJob {
  lane: Lane;
  operation: string;
  parameters: object;
  priority: Priority;
  retention: Retention;
  accepts: readonly string[];
  apiKeyId: string | null;
  requestId: string;
  /** Items in the order of the request; or the file that the job's only item works on. */
  inputs:
    | { type: 'image' | 'artifact'; ids: readonly string[] }
    | { type: 'file'; path: string; sha256: Buffer; size: number; mediaType: string };
  /** For requests that may be repeated: the same key and hash are the same job. */
  idempotency: { key: string; requestHash: Buffer } | null;
}

/** An attempt at an item: only the latest one may change the row. */
export interface AttemptRef {
  jobId: string;
  position: number;
  attempt: number;
}

/** What every worker knows of an item that it has claimed. */
export interface LeasedItem extends AttemptRef {
  operation: string;
  isAlone: boolean;
}

/** An item that a worker has claimed, with all that it needs to work on it. */
export interface ClaimedItem extends LeasedItem {
  owner: OwnerId;
  parameters: object;
  retention: Retention;
  accepts: readonly string[];
  input: StoredRef | { type: 'file'; sha256: Buffer; size: number };
}

/** What the work on an item has made. */
export type ItemResult = { artifactId: string; isNew: boolean } | { frameSetId: string; isNew: boolean };
