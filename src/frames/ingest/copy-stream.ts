import type { PoolClient } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { COPY_COLUMNS, COPY_HEADER, COPY_TRAILER } from './copy-rows.ts';

/** A running COPY into `frames`. */
export class FrameCopy {
  readonly #stream: ReturnType<typeof copyFrom>;
  /** Rejects when the COPY fails: pg-copy-streams then does not call the callback of a write, and the next write throws. */
  readonly #failed: Promise<never>;
  #hasFailed = false;
  #isFinished = false;

  constructor(client: PoolClient) {
    this.#stream = client.query(copyFrom(`COPY frames (${COPY_COLUMNS}) FROM STDIN (FORMAT binary)`));
    this.#failed = new Promise((_resolve, reject) => {
      this.#stream.on('error', (error) => {
        this.#hasFailed = true;
        reject(error);
      });
    });
    this.#failed.catch(() => undefined);
    this.#stream.write(COPY_HEADER);
  }

  /** Resolves when the connection has room for more rows. */
  async write(rows: Uint8Array): Promise<void> {
    await this.#settle((callback) => this.#stream.write(rows, callback));
  }

  /** Ends the COPY; resolves when the rows are in the table. */
  async finish(): Promise<void> {
    await this.#settle((callback) => this.#stream.end(COPY_TRAILER, callback));
    this.#isFinished = true;
  }

  /** Cancels the COPY unless it is finished; resolves when the connection is ready for the next statement. */
  async abort(): Promise<void> {
    if (this.#isFinished) return;
    this.#stream.destroy(new Error('The upload has ended early.'));
    await this.#failed.catch(() => undefined);
  }

  #settle(start: (callback: (error?: Error | null) => void) => void): Promise<void> {
    if (this.#hasFailed) return this.#failed;
    const done = new Promise<void>((resolve, reject) => {
      start((error) => (error ? reject(error) : resolve()));
    });
    return Promise.race([done, this.#failed]);
  }
}
