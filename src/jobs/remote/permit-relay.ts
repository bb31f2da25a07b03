import type { PermitSender } from '../broker/permit-sender.ts';
import { LANES, type Lane } from '../queue/job.ts';
import type { WorkSignals } from '../queue/lane-worker.ts';
import type { Permits } from './permits.ts';

interface RelayLog {
  warn(details: object, message: string): void;
}

export interface PermitRelayOptions {
  permits: Permits;
  sender: PermitSender;
  signals: Pick<WorkSignals, 'onWork'>;
  log: RelayLog;
}

/** Missing permits are looked for this often, even if nothing tells of new items. */
const LOOK_EVERY_MS = 1_000;
/** Lost permits are looked for this often. */
const CHECK_EVERY_MS = 5_000;

/** Sees to it that as many permits are in the broker as items wait. Each API process has one; they take turns. */
export class PermitRelay {
  readonly #options: PermitRelayOptions;
  readonly #timers: NodeJS.Timeout[];
  readonly #unsubscribe: (() => void)[];
  readonly #running = new Map<Lane, Promise<void>>();
  readonly #isWoken = new Set<Lane>();
  #isStopped = false;

  constructor(options: PermitRelayOptions) {
    this.#options = options;
    this.#unsubscribe = LANES.map((lane) => options.signals.onWork(lane, () => this.#wake(lane)));
    this.#timers = [
      setInterval(() => LANES.map((lane) => this.#wake(lane)), LOOK_EVERY_MS).unref(),
      setInterval(() => void this.#forgetLost(), CHECK_EVERY_MS).unref(),
    ];
  }

  get isConnected(): boolean {
    return this.#options.sender.isConnected;
  }

  async close(): Promise<void> {
    this.#isStopped = true;
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    for (const timer of this.#timers) clearInterval(timer);
    const { sender } = this.#options;
    await Promise.all([...this.#running.values(), sender.close()]);
  }

  #wake(lane: Lane): void {
    this.#isWoken.add(lane);
    if (this.#running.has(lane) || this.#isStopped) return;
    const run = this.#relay(lane)
      .catch((error: { code?: string }) => {
        if (!this.#isStopped)
          this.#options.log.warn(
            { err: error, lane },
            'permits for workers cannot be sent at the moment; they will be',
          );
      })
      .finally(() => this.#running.delete(lane));
    this.#running.set(lane, run);
  }

  /** Sends what is missing, until nothing is. */
  async #relay(lane: Lane): Promise<void> {
    const { permits, sender } = this.#options;
    while (this.#isWoken.delete(lane) && sender.isConnected) {
      const ids = await permits.issue(lane);
      const sent: string[] = [];
      const sending = ids.map(async (id) => {
        await sender.send(lane, id, permits.write(id, lane));
        sent.push(id);
      });
      const results = await Promise.allSettled(sending);
      // What is not noted as sent is sent again, which does no harm: each can be used once.
      if (sent.length > 0) await permits.noteSent(sent);
      const failure = results.find(({ status }) => status === 'rejected');
      if (failure?.status === 'rejected') throw failure.reason;
    }
  }

  /** A broker may have lost its data. If its queue is empty although permits were sent, new ones are needed. */
  async #forgetLost(): Promise<void> {
    const { permits, sender, log } = this.#options;
    if (!sender.isConnected || this.#isStopped) return;
    try {
      for (const lane of LANES) {
        if ((await sender.waiting(lane)) > 0) continue;
        const lost = await permits.forgetLost(lane);
        if (lost > 0) log.warn({ lane, permits: lost }, 'permits were lost, and are replaced');
      }
    } catch (error) {
      if (!this.#isStopped) log.warn({ err: error }, 'the queues of RabbitMQ cannot be looked at');
    }
  }
}
