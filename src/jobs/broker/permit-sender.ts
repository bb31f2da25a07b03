import { Connection, type Publisher } from 'rabbitmq-client';
import { LANES, type Lane } from '../queue/job.ts';
import { DEAD_QUEUE, queueName, queueOf } from './queues.ts';

interface SenderLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

/** How long a message waits for a connection. The relay tries again. */
const ACQUIRE_TIMEOUT_MS = 5_000;

/** Sends permits to RabbitMQ, with confirms. It connects again by itself. */
export class PermitSender {
  readonly #connection: Connection;
  readonly #publisher: Publisher;
  /** Ids of messages that no queue has taken: the broker returns them before it confirms them. */
  readonly #returned = new Set<string>();

  constructor(url: string, log: SenderLog) {
    this.#connection = new Connection({
      url,
      connectionName: 'coreframe api',
      acquireTimeout: ACQUIRE_TIMEOUT_MS,
    });
    // The message of the error may show the URL.
    this.#connection.on('error', (error: { code?: string }) =>
      log.warn({ code: error.code }, 'RabbitMQ cannot be reached at the moment'),
    );
    this.#connection.on('connection', () => log.info({}, 'connected to RabbitMQ'));
    this.#publisher = this.#connection.createPublisher({
      confirm: true,
      queues: [DEAD_QUEUE, ...LANES.map(queueOf)],
    });
    this.#publisher.on('basic.return', ({ messageId }) => {
      if (messageId !== undefined) this.#returned.add(messageId);
    });
  }

  get isConnected(): boolean {
    return this.#connection.ready;
  }

  /**
   * Sends a permit; resolves when the broker has stored it.
   *
   * @throws Error if it has not, or if there is no queue
   */
  async send(lane: Lane, id: string, permit: string): Promise<void> {
    const envelope = { routingKey: queueName(lane), messageId: id, mandatory: true, durable: true };
    await this.#publisher.send(envelope, permit);
    if (!this.#returned.delete(id)) return;
    // Somebody has deleted it.
    await this.#connection.queueDeclare(queueOf(lane));
    throw new Error(`RabbitMQ had no queue ${queueName(lane)}.`);
  }

  /** The number of messages that wait in the queue of a lane, which is made if it does not exist. */
  async waiting(lane: Lane): Promise<number> {
    const { messageCount } = await this.#connection.queueDeclare(queueOf(lane));
    return messageCount;
  }

  async close(): Promise<void> {
    // It would wait for a broker that is away.
    if (!this.#connection.ready) return this.#connection.unsafeDestroy();
    await this.#publisher.close();
    await this.#connection.close();
  }
}
