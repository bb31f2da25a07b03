import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { AppError } from '../core/errors.ts';
import { type JsonLimits, unmetByJson } from '../core/json-size.ts';

/**
 * A stream of frames: each has its length as an unsigned 32-bit number, big-endian, and its bytes. Between API and workers, a
 * frame of JSON comes first or last, and bytes of a known number may follow it without frames.
 */
const LENGTH_BYTES = 4;

/** What reads the values calls itself for each level. Their number is limited by the bytes. */
const JSON_LIMITS: JsonLimits = {
  values: Number.POSITIVE_INFINITY,
  depth: 64,
  members: Number.POSITIVE_INFINITY,
};

/** The bytes before a frame with this many bytes. */
export function frameLength(bytes: number): Buffer {
  const buffer = Buffer.alloc(LENGTH_BYTES);
  buffer.writeUInt32BE(bytes);
  return buffer;
}

/** A value as a frame of JSON. */
export function jsonFrame(value: unknown): Buffer {
  const bytes = Buffer.from(JSON.stringify(value));
  return Buffer.concat([frameLength(bytes.length), bytes]);
}

/** Reads frames and bytes from a stream, in constant memory. */
export class FrameReader {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /**
   * The next frame.
   *
   * @returns undefined at the end of the stream
   * @throws AppError `malformed_request` if it is longer than `maxBytes`, or the stream ends within it
   */
  async next(maxBytes: number): Promise<Buffer | undefined> {
    const length = await this.#take(LENGTH_BYTES, true);
    if (length === undefined) return undefined;
    const size = length.readUInt32BE();
    if (size > maxBytes) throw malformed(`A frame has ${size} bytes, which is more than ${maxBytes}.`);
    return this.#take(size, false);
  }

  /** The next frame as JSON. */
  async json(maxBytes: number): Promise<unknown> {
    const text = (await this.next(maxBytes))?.toString() ?? '';
    const expected = unmetByJson(text, JSON_LIMITS);
    if (expected !== undefined) throw malformed(`A frame is something other than ${expected}.`);
    try {
      return JSON.parse(text);
    } catch {
      throw malformed('A frame is not JSON.');
    }
  }

  /**
   * Writes the next bytes to a new file.
   *
   * @returns their SHA-256 as hexadecimal text
   */
  async writeFile(path: string, size: number): Promise<string> {
    const hash = createHash('sha256');
    const file = await open(path, 'wx', 0o600);
    try {
      for (let left = size; left > 0; ) {
        if (this.#rest.length === 0 && !(await this.#fill())) throw malformed('The body is too short.');
        const bytes = this.#rest.subarray(0, left);
        this.#rest = this.#rest.subarray(bytes.length);
        left -= bytes.length;
        hash.update(bytes);
        await file.writeFile(bytes);
      }
    } finally {
      // On a full disk, closing may fail like writing.
      await file.close().catch(() => undefined);
    }
    return hash.digest('hex');
  }

  /** @throws AppError `malformed_request` if anything follows */
  async end(): Promise<void> {
    if (this.#rest.length > 0 || (await this.#fill())) throw malformed('Something follows the last frame.');
  }

  async #take(size: number, mayEnd: boolean): Promise<Buffer | undefined> {
    const parts: Buffer[] = [];
    let missing = size;
    while (missing > 0) {
      if (this.#rest.length === 0 && !(await this.#fill())) {
        if (mayEnd && parts.length === 0) return undefined;
        throw malformed('The body ends within a frame.');
      }
      const part = this.#rest.subarray(0, missing);
      this.#rest = this.#rest.subarray(part.length);
      missing -= part.length;
      parts.push(part);
    }
    return parts.length === 1 ? parts[0] : Buffer.concat(parts);
  }

  async #fill(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const { value, done } = await this.#chunks.next();
      if (done) return false;
      this.#rest = value;
    }
    return true;
  }
}

function malformed(detail: string): AppError {
  return new AppError('malformed_request', detail);
}
