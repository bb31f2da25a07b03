import { AppError } from '../../core/errors.ts';
import type { AttemptRef, ItemProblem, ItemProgress, Lane, LeasedItem } from '../queue/job.ts';
import type { ItemQueue, WorkerLog } from '../queue/lane-worker.ts';
import type { ClaimedBody } from '../remote/protocol.ts';
import { type ApiClient, AttemptOver } from './api-client.ts';
import type { HeldPermit, PermitInbox } from './permit-inbox.ts';

/** An item that this worker has claimed through the API. */
export interface RemoteItem extends LeasedItem {
  owner: string;
  task: ClaimedBody['task'];
  /** Of this attempt; each renewal brings a new one. */
  token: string;
  /** That it was claimed with. */
  permit: HeldPermit;
}

export interface RemoteQueueOptions {
  api: ApiClient;
  inbox: PermitInbox;
  /** The versions of the operations that this worker has. */
  versions: Readonly<Record<string, number>>;
  log: WorkerLog;
}

const ASK_AGAIN_MS = 1_000;

/** The items of all jobs, through the API: each claim needs a permit. Results are sent by those who make them. */
export class RemoteQueue implements ItemQueue<RemoteItem, never> {
  readonly #options: RemoteQueueOptions;
  /** When to ask again for items that must run alone, by `performance.now()`. */
  readonly #noneAloneUntil = new Map<Lane, number>();

  constructor(options: RemoteQueueOptions) {
    this.#options = options;
  }

  /** Such items are rare, so the API is asked once a second at most: a request for each item would cost a twentieth of a small one. */
  async hasAlone(lane: Lane): Promise<boolean> {
    const now = performance.now();
    if (now < (this.#noneAloneUntil.get(lane) ?? 0)) return false;
    const { hasAlone } = await this.#options.api.lane(lane);
    if (!hasAlone) this.#noneAloneUntil.set(lane, now + ASK_AGAIN_MS);
    return hasAlone;
  }

  async claim(
    lane: Lane,
    workerId: string,
    _leaseSeconds: number,
    which: 'alone' | 'others',
  ): Promise<RemoteItem | undefined> {
    const { api, inbox, versions, log } = this.#options;
    for (;;) {
      const permit = inbox.take(lane);
      if (permit === undefined) return undefined;
      let claimed: ClaimedBody | undefined;
      try {
        claimed = await api.claim({
          permit: permit.text,
          lane,
          worker_id: workerId,
          which,
          versions: { ...versions },
        });
      } catch (error) {
        if (error instanceof AppError && error.code === 'permit_refused') {
          // The message was delivered again, or comes from somebody else.
          log.info({ lane }, 'a permit was not valid any more');
          permit.done();
          continue;
        }
        inbox.putBack(lane, permit);
        throw error;
      }
      if (claimed !== undefined) return toItem(claimed, permit);
      // It is still good for one of the others.
      if (which === 'alone') {
        inbox.putBack(lane, permit);
        return undefined;
      }
      permit.done();
      return undefined;
    }
  }

  async renew(items: readonly RemoteItem[]): Promise<(AttemptRef & { isCancelled: boolean })[]> {
    const { api } = this.#options;
    const renewed = await Promise.all(
      items.map(async (item) => {
        try {
          const { token, is_cancelled: isCancelled } = await api.renew(item.token);
          item.token = token;
          return [{ jobId: item.jobId, position: item.position, attempt: item.attempt, isCancelled }];
        } catch (error) {
          if (error instanceof AttemptOver) return [];
          // Until the lease expires, nobody else has claimed it.
          return [{ ...item, isCancelled: false }];
        }
      }),
    );
    return renewed.flat();
  }

  async report({ token }: RemoteItem, progress: ItemProgress): Promise<boolean> {
    // What has ended takes no more progress.
    return this.#send(async () => !(await this.#options.api.send(token, '/progress', progress)));
  }

  async succeed(): Promise<boolean> {
    throw new Error('Results are sent by those who make them.');
  }

  async fail(item: RemoteItem, problem: ItemProblem): Promise<boolean> {
    return this.#end(item, 'failed', problem);
  }

  async cancel(item: RemoteItem): Promise<boolean> {
    return this.#end(item, 'cancelled');
  }

  async giveBack(item: RemoteItem, death?: ItemProblem): Promise<boolean> {
    return this.#end(item, 'given_back', death);
  }

  async #end({ token }: RemoteItem, outcome: string, problem?: ItemProblem): Promise<boolean> {
    const body = { outcome, ...(problem === undefined ? {} : { problem: shortened(problem) }) };
    return this.#send(() => this.#options.api.send(token, '/end', body));
  }

  async #send(send: () => Promise<boolean>): Promise<boolean> {
    try {
      return await send();
    } catch (error) {
      if (error instanceof AttemptOver) return false;
      throw error;
    }
  }
}

/** Characters of a text in a problem that the API takes. */
const MAX_TEXT = 5_000;

function shortened({ code, detail, errors = [] }: ItemProblem): ItemProblem {
  return {
    code,
    detail: detail.slice(0, MAX_TEXT),
    errors: errors.slice(0, 100).map(({ path, message }) => ({ path, message: message.slice(0, MAX_TEXT) })),
  };
}

function toItem(
  { job_id: jobId, position, attempt, operation, is_alone: isAlone, owner, task, token }: ClaimedBody,
  permit: HeldPermit,
): RemoteItem {
  return { jobId, position, attempt, operation, isAlone, owner, task, token, permit };
}
