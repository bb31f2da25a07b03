import { AppError } from '../../core/errors.ts';
import type { FromIngestWorker, IngestOptions, IngestSummary, ToIngestWorker } from './messages.ts';
import type { IngestThread } from './threads.ts';

/** Maximum bytes of a message to the worker. */
const MAX_CHUNK_BYTES = 256 * 1024;
/** With this, the rows of a message take at most 16 MiB: the shortest row has 4 bytes and becomes `width` bytes and more. */
const CHUNK_YIELD = 64 * 1024 * 1024;
const ROW_OVERHEAD = 150;
/** Chunks that were posted and whose rows were not taken yet: enough that the worker never waits; bounds the memory. */
const MAX_IN_FLIGHT = 4;

/** Joins pieces of a stream into chunks that own their memory, so that it can be transferred. */
async function* joinChunks(
  pieces: AsyncIterable<Buffer>,
  chunkBytes: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let chunk = new Uint8Array(chunkBytes);
  let filled = 0;
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length; ) {
      const taken = Math.min(piece.length - at, chunkBytes - filled);
      chunk.set(piece.subarray(at, at + taken), filled);
      filled += taken;
      at += taken;
      if (filled < chunkBytes) continue;
      yield chunk;
      chunk = new Uint8Array(chunkBytes);
      filled = 0;
    }
  }
  if (filled > 0) yield chunk.slice(0, filled);
}

type IngestedRows = Omit<Extract<FromIngestWorker, { type: 'rows' }>, 'type'>;

/**
 * One log that an ingest thread reads. Its rows are pulled with `next`: until then, at most 4 chunks of the file are in
 * flight, so the consumer of the rows sets the pace of the upload.
 */
export class IngestSession {
  readonly #thread: IngestThread;
  readonly #chunks: AsyncGenerator<Uint8Array<ArrayBuffer>>;
  #inFlight = 0;
  #isEnding = false;
  #summary: IngestSummary | undefined;
  #messages: FromIngestWorker[] = [];
  #failure: { reason: unknown } | undefined;
  #wake: () => void = () => undefined;
  #reading: Promise<void> | undefined;
  #isClosed = false;

  constructor(
    thread: IngestThread,
    pieces: AsyncIterable<Buffer>,
    start: { frameSetId: string; options: IngestOptions },
  ) {
    this.#thread = thread;
    const rowBytes = start.options.width + ROW_OVERHEAD;
    this.#chunks = joinChunks(pieces, Math.min(MAX_CHUNK_BYTES, Math.floor(CHUNK_YIELD / rowBytes)));
    thread.isIdle = false;
    thread.worker.on('message', this.#onMessage).on('error', this.#onError).on('exit', this.#onExit);
    this.#post({ type: 'start', ...start });
  }

  /** Available once `next` has returned undefined. */
  get summary(): IngestSummary {
    if (this.#summary === undefined) throw new Error('The log has not been read to its end.');
    return this.#summary;
  }

  /**
   * The next rows; undefined at the end of the file.
   * @throws AppError the fault of the file (see `ImageLogParser`); what reading the file throws
   */
  async next(): Promise<IngestedRows | undefined> {
    for (;;) {
      const message = this.#messages.shift();
      if (message?.type === 'rows') {
        this.#inFlight -= 1;
        this.#feed();
        return message;
      }
      if (message?.type === 'done') {
        this.#summary = message.summary;
        const { copy, count } = message;
        if (copy.length > 0) return { copy, count, isFaulty: false };
      }
      if (message?.type === 'failed') {
        const { code, detail, errors } = message.failure;
        throw new AppError(code, detail, { errors });
      }
      if (this.#failure !== undefined) throw this.#failure.reason;
      if (this.#summary !== undefined) return undefined;
      this.#feed();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Makes `next` throw, even while it waits. */
  fail(reason: unknown): void {
    this.#failure ??= { reason };
    this.#wake();
  }

  /** Releases the worker and the file. */
  close(): void {
    this.#isClosed = true;
    this.#thread.worker.off('message', this.#onMessage).off('error', this.#onError).off('exit', this.#onExit);
    void this.#chunks.return(undefined).catch(() => undefined);
  }

  #post(message: ToIngestWorker): void {
    this.#thread.worker.postMessage(message, message.type === 'chunk' ? [message.bytes.buffer] : []);
  }

  /** Reads the next chunk if there is room. */
  #feed(): void {
    if (this.#reading || this.#isEnding || this.#failure || this.#inFlight >= MAX_IN_FLIGHT) return;
    this.#reading = this.#readChunk().then(
      () => {
        this.#reading = undefined;
        if (!this.#isClosed) this.#feed();
      },
      (reason: unknown) => this.fail(reason),
    );
  }

  async #readChunk(): Promise<void> {
    const { value, done } = await this.#chunks.next();
    if (this.#isClosed) return;
    if (done) {
      this.#isEnding = true;
      this.#post({ type: 'end' });
    } else {
      this.#inFlight += 1;
      this.#post({ type: 'chunk', bytes: value });
    }
  }

  readonly #onMessage = (message: FromIngestWorker): void => {
    if (message.type !== 'rows') this.#thread.isIdle = true;
    this.#messages.push(message);
    this.#wake();
  };

  readonly #onError = (error: unknown): void => this.fail(error);

  readonly #onExit = (): void => this.fail(new Error('The ingest thread ended.'));
}
