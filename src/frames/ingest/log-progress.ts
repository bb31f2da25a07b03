/** Progress is reported this often at most. */
const REPORT_EVERY_MS = 500;

/** How far the reading of a log has come. */
export interface LogProgress {
  stage: string;
  /** Bytes of the file that have been read, and all of them. */
  bytes: number;
  total_bytes: number;
  /** Rows that have been written. */
  rows: number;
}

/** Reports progress from time to time, one report after the other. */
export class ProgressReport {
  readonly #report: (progress: LogProgress) => Promise<void>;
  readonly #size: number;
  #bytes = 0;
  #rows = 0;
  #reporting: Promise<void> | undefined;
  #reportedAt = Number.NEGATIVE_INFINITY;

  constructor(report: (progress: LogProgress) => Promise<void>, size: number) {
    this.#report = report;
    this.#size = size;
  }

  /** The same bytes, which are counted. */
  async *count(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of bytes) {
      yield chunk;
      this.#bytes += chunk.length;
    }
  }

  /** @param rows written so far */
  note(rows: number): void {
    this.#rows = rows;
    const now = performance.now();
    if (this.#reporting !== undefined || now < this.#reportedAt + REPORT_EVERY_MS) return;
    this.#reportedAt = now;
    this.#reporting = this.#send('reading').finally(() => {
      this.#reporting = undefined;
    });
  }

  /** Reports that everything is read. */
  async end(): Promise<void> {
    await this.#reporting;
    await this.#send('storing');
  }

  #send(stage: string): Promise<void> {
    return this.#report({ stage, bytes: this.#bytes, total_bytes: this.#size, rows: this.#rows });
  }
}
