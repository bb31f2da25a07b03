import type { OwnerId } from '../auth/owner.ts';
import type { StagedFile } from '../blobs/blob-store.ts';
import type { Retention } from './artifact.ts';
import type { StoredRef } from './inputs.ts';

/** Whose work is deferred. */
export interface Submitter {
  owner: OwnerId;
  /** The API key of the request. If it is revoked before the work starts, the work is not done. */
  apiKeyId: string | null;
  requestId: string;
}

/** A request for one artifact that is answered later. */
export interface DeferredRequest extends Submitter {
  /** The last part of the path of the operation's POST, for example `resize`. */
  route: string;
  ref: StoredRef;
  /** The body, valid and with its defaults. */
  values: object;
  /** The media types that the client accepts, if the parameters make them matter. */
  accepts: readonly string[];
  retention: Retention;
}

/** What a deferred request has made. */
export interface DeferredOutcome {
  artifactId: string;
  isNew: boolean;
}

/** An upload that has been received and is read later. */
export interface DeferredUpload extends Submitter {
  /** The options with their defaults, and the name of the file. */
  parameters: object;
  file: StagedFile;
}

/** What a deferred upload has stored. */
export interface DeferredUploadOutcome {
  frameSetId: string;
  isNew: boolean;
}

/** Takes work that is done in the background. */
export interface Deferral<Request, Outcome> {
  /** @returns the id of the job */
  submit(request: Request): Promise<string>;
  /**
   * Waits for the end of a job with one item.
   *
   * @param ms maximum wait
   * @param signal aborted when nobody waits any longer
   * @returns undefined if it has not ended, or was cancelled
   * @throws AppError why the work failed, as if it had been done at once
   */
  outcome(owner: OwnerId, jobId: string, ms: number, signal: AbortSignal): Promise<Outcome | undefined>;
}

export type RequestDeferral = Deferral<DeferredRequest, DeferredOutcome>;
export type UploadDeferral = Deferral<DeferredUpload, DeferredUploadOutcome>;
