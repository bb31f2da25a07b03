import { Connection, type Consumer, ConsumerStatus } from 'rabbitmq-client';
import { queueName, queueOf } from '../broker/queues.ts';
import type { Lane } from '../queue/job.ts';
import type { WorkerLog, WorkSignals } from '../queue/lane-worker.ts';

/** A permit whose message the broker waits to hear of. */
export interface HeldPermit {
  readonly text: string;
  /** Tells the broker to forget the message. */
  done(): void;
}

interface Held extends HeldPermit {
  /** Gives the message back. */
  giveBack(): void;
}

/**
 * Permits from RabbitMQ, which say that there may be work. A message stays with the worker until the attempt that it was used for has
 * ended, so that the broker sends at most as many as items can run.
 */
export class PermitInbox implements WorkSignals {
  readonly #connection: Connection;
  readonly #consumers: Consumer[];
  readonly #waiting = new Map<Lane, Held[]>();
  readonly #wakes = new Map<Lane, Set<() => void>>();

  /** @param places how many items of each lane can run at the same time */
  constructor(url: string, places: Partial<Record<Lane, number>>, log: WorkerLog) {
    this.#connection = new Connection({ url, connectionName: 'coreframe worker' });
    // The message of the error may show the URL.
    const warn = (error: { code?: string }) =>
      log.warn({ code: error.code }, 'RabbitMQ cannot be reached at the moment');
    this.#connection.on('error', warn);
    this.#connection.on('connection', () => log.info({}, 'connected to RabbitMQ'));
    const lanes = Object.entries(places) as [Lane, number][];
    this.#consumers = lanes
      .filter(([, count]) => count > 0)
      .map(([lane, count]) => {
        const consumer = this.#connection.createConsumer(
          {
            queue: queueName(lane),
            queueOptions: queueOf(lane),
            qos: { prefetchCount: count },
          },
          ({ body }) => this.#receive(lane, body),
        );
        consumer.on('error', warn);
        return consumer;
      });
  }

  get isConnected(): boolean {
    return this.#connection.ready;
  }

  /** Takes a permit that waits. */
  take(lane: Lane): HeldPermit | undefined {
    return this.#waiting.get(lane)?.shift();
  }

  /** Puts back a permit that was not used. */
  putBack(lane: Lane, permit: HeldPermit): void {
    // Only `take` gives them.
    this.#waitingIn(lane).unshift(permit as Held);
  }

  onWork(lane: Lane, wake: () => void): () => void {
    const wakes = this.#wakes.get(lane) ?? new Set();
    this.#wakes.set(lane, wakes.add(wake));
    return () => void wakes.delete(wake);
  }

  /** Which jobs change is not known here. A worker learns that a job is cancelled when it renews its lease. */
  onJob(): () => void {
    return () => undefined;
  }

  /** Gives back what waits, and ends. Call it when no item runs any more. */
  async close(): Promise<void> {
    for (const held of this.#waiting.values()) for (const permit of held.splice(0)) permit.giveBack();
    // It would wait for a broker that is away.
    if (!this.#connection.ready) return this.#connection.unsafeDestroy();
    await Promise.all(this.#consumers.map((consumer) => consumer.close()));
    await this.#connection.close();
  }

  #receive(lane: Lane, body: unknown): Promise<ConsumerStatus> | ConsumerStatus {
    // Nobody who may send permits has sent it.
    if (typeof body !== 'string') return ConsumerStatus.DROP;
    const { promise, resolve } = Promise.withResolvers<ConsumerStatus>();
    this.#waitingIn(lane).push({
      text: body,
      done: () => resolve(ConsumerStatus.ACK),
      giveBack: () => resolve(ConsumerStatus.REQUEUE),
    });
    for (const wake of this.#wakes.get(lane) ?? []) wake();
    return promise;
  }

  #waitingIn(lane: Lane): Held[] {
    const waiting = this.#waiting.get(lane) ?? [];
    this.#waiting.set(lane, waiting);
    return waiting;
  }
}
