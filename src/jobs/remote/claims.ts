import { randomUUID } from 'node:crypto';
import type { AttemptTokens } from '../../auth/tokens/attempt-tokens.ts';
import { AppError } from '../../core/errors.ts';
import type { Maker } from '../../work/make.ts';
import { workKey } from '../../work/work.ts';
import { planItem } from '../queue/artifact-handler.ts';
import type { ClaimedItem } from '../queue/job.ts';
import { PASSING_CODES, toProblem } from '../queue/lane-worker.ts';
import type { PostedOperation } from '../queue/posted-operations.ts';
import type { WorkQueue } from '../queue/work-queue.ts';
import type { Permits } from './permits.ts';
import {
  type BlobBody,
  blobsOf,
  type ClaimBody,
  type ClaimedBody,
  type LogTask,
  type PictureTask,
} from './protocol.ts';

/** Seconds that an attempt gets besides the timeout of its operation: it fetches its inputs, may wait, and sends its result. */
const EXTRA_SECONDS = 120;

export interface ClaimOptions {
  queue: WorkQueue;
  permits: Permits;
  tokens: AttemptTokens;
  maker: Maker;
  operations: ReadonlyMap<string, PostedOperation>;
  /** The options with which a log is read, from the parameters of its job. */
  readLogOptions(parameters: object): object;
  translate(error: unknown): AppError | undefined;
  settings: { JOB_LEASE_SECONDS: number; OPERATION_TIMEOUT_MS: number; MAX_DECODE_BYTES: number };
}

/** What an attempt may read and write, and what it has to do. */
interface Assignment {
  inputs: readonly BlobBody[];
  output: { work: string } | { frameSet: string };
  task: { picture: PictureTask } | { log: LogTask };
  hasTimeout: boolean;
}

/** Claims items for workers on other machines. They learn what is to be done, but nothing of the database. */
export class Claims {
  readonly #options: ClaimOptions;

  constructor(options: ClaimOptions) {
    this.#options = options;
  }

  /**
   * Uses a permit up, and claims the next item that a worker has to work on.
   *
   * @param credentialId the id of the worker's credential
   * @returns undefined if no item waits
   * @throws AppError `permit_refused` if the service has not signed the permit, or it was used already; `conflict` if the worker has
   *   another version of the operation
   */
  async claim(credentialId: string, body: ClaimBody): Promise<ClaimedBody | undefined> {
    const { permits } = this.#options;
    const { lane, which } = body;
    const permit = permits.read(body.permit, lane);
    if (!(await permits.use(permit)))
      throw new AppError('permit_refused', 'The permit was used already, or was replaced.');
    const claimed = await this.#claimItem(credentialId, body);
    // Next, the worker asks for the others.
    if (claimed === undefined && which === 'alone') await permits.restore(permit, lane);
    return claimed;
  }

  async #claimItem(credentialId: string, body: ClaimBody): Promise<ClaimedBody | undefined> {
    const { queue, settings } = this.#options;
    for (;;) {
      const item = await queue.claim(body.lane, body.worker_id, settings.JOB_LEASE_SECONDS, body.which);
      if (item === undefined) return undefined;
      const assignment = await this.#assign(item, body.versions);
      if (assignment !== undefined) return this.#answer(credentialId, item, assignment);
    }
  }

  /** @returns undefined if the item has ended already */
  async #assign(item: ClaimedItem, versions: ClaimBody['versions']): Promise<Assignment | undefined> {
    const { queue, translate } = this.#options;
    try {
      return item.input.type === 'file' ? this.#assignLog(item) : await this.#assignPicture(item, versions);
    } catch (error) {
      const problem = toProblem(translate(error));
      const isItemsFault = !(error instanceof OutdatedWorker) && !PASSING_CODES.includes(problem.code);
      if (!isItemsFault) {
        await queue.giveBack(item);
        throw error;
      }
      await queue.fail(item, problem);
      return undefined;
    }
  }

  async #assignPicture(item: ClaimedItem, versions: ClaimBody['versions']): Promise<Assignment | undefined> {
    const { queue, maker, operations } = this.#options;
    const work = await planItem(maker, operations, item);
    const made = await maker.findMade(item.owner, work, item.retention);
    if (made !== undefined) {
      await queue.succeed(item, { artifactId: made.artifact.id, isNew: made.isNew });
      return undefined;
    }
    const { operation, version, params } = work;
    if (versions[operation] !== version) throw new OutdatedWorker(operation, version, versions[operation]);
    const { inputs, cost } = maker.describe(work);
    const described = inputs.map(({ content, document, ...input }) => ({
      ...input,
      content: content && toBlobBody(content),
      document: document && toBlobBody(document),
    }));
    const refs = work.inputs.flatMap((ref) =>
      ref.type === 'image' || ref.type === 'artifact' ? [{ type: ref.type, id: ref.id }] : [],
    );
    return {
      inputs: blobsOf(described),
      output: { work: workKey(work).toString('hex') },
      task: { picture: { work: { operation, version, inputs: refs, params }, inputs: described, cost } },
      hasTimeout: true,
    };
  }

  #assignLog({ input, parameters }: ClaimedItem): Assignment {
    if (input.type !== 'file') throw new Error('An image log is a file.');
    const file = toBlobBody(input);
    const frameSet = randomUUID();
    const options = this.#options.readLogOptions(parameters);
    return {
      inputs: [file],
      output: { frameSet },
      task: { log: { file, frame_set_id: frameSet, options } },
      hasTimeout: false,
    };
  }

  async #answer(
    credentialId: string,
    { jobId, position, attempt, operation, isAlone, owner }: ClaimedItem,
    { inputs, output, task, hasTimeout }: Assignment,
  ): Promise<ClaimedBody> {
    const { tokens, settings } = this.#options;
    const life = settings.OPERATION_TIMEOUT_MS + EXTRA_SECONDS * 1000;
    const token = await tokens.sign({
      jobId,
      position,
      attempt,
      workerId: credentialId,
      inputs,
      output,
      // No result is larger than the memory of the process that makes it.
      maxBytes: settings.MAX_DECODE_BYTES,
      endsAt: hasTimeout ? new Date(Date.now() + life) : null,
    });
    return { job_id: jobId, position, attempt, operation, is_alone: isAlone, owner, token, task };
  }
}

class OutdatedWorker extends AppError {
  constructor(operation: string, needed: number, known: number | undefined) {
    const has = known === undefined ? 'does not know it' : `has version ${known}`;
    super(
      'conflict',
      `This API needs version ${needed} of ${operation}, but the worker ${has}. Update the older one.`,
    );
  }
}

function toBlobBody({ sha256, size }: { sha256: Buffer; size: number }): BlobBody {
  return { sha256: sha256.toString('hex'), size };
}
