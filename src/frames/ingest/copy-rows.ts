import type { FrameBatch } from '../csv/batches.ts';
import { rowRange, type ValueRange } from '../rows/normalize.ts';
import { anyMasked, maskStride } from '../rows/null-mask.ts';
import type { PackedRows } from '../rows/resampler.ts';

/** Columns of `frames` in the order in which `CopyRowEncoder` writes them. */
export const COPY_COLUMNS =
  'frame_set_id, row, depth, image_data, resized_image_data, image_nulls, resized_nulls, image_min, image_max, resized_min, resized_max';

/** The bytes before the rows: signature, flags, no header extension (PostgreSQL, "COPY", "Binary Format"). */
export const COPY_HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
/** The bytes after the rows. */
export const COPY_TRAILER = Buffer.from('ffff', 'hex');

const FIELDS = 11;
const UUID_BYTES = 16;
/** The number of fields and their lengths, and the fields of fixed length: UUID, row, depth and four levels. */
const FIXED_BYTES = 2 + 4 * FIELDS + UUID_BYTES + 4 + 8 + 4 * 2;

class FieldWriter {
  readonly buffer: Buffer<ArrayBuffer>;
  length = 0;

  constructor(bytes: number) {
    // Not from Node's shared pool, because the memory is transferred to another thread.
    this.buffer = Buffer.allocUnsafeSlow(bytes);
  }

  bytes(source: Uint8Array, from: number, count: number): void {
    this.buffer.writeInt32BE(count, this.length);
    this.buffer.set(source.subarray(from, from + count), this.length + 4);
    this.length += 4 + count;
  }

  /** Writes a bitmap, or NULL if no bit is set. */
  mask(source: Uint8Array | null, from: number, count: number): void {
    if (source !== null && anyMasked(source, from, count)) this.bytes(source, from, count);
    else this.null();
  }

  null(): void {
    this.length = this.buffer.writeInt32BE(-1, this.length);
  }

  /** Writes two levels, or NULLs if there is no level. */
  range({ min, max }: ValueRange): void {
    for (const level of [min, max]) {
      if (max < min) {
        this.null();
      } else {
        this.length = this.buffer.writeInt32BE(2, this.length);
        this.length = this.buffer.writeInt16BE(level, this.length);
      }
    }
  }
}

/** Writes rows of one frame set for PostgreSQL's binary COPY, and keeps the range of the resized rows. */
export class CopyRowEncoder {
  readonly #frameSetId: Buffer;
  /** The range of all resized rows so far. */
  readonly resizedRange: ValueRange = { min: 256, max: -1 };

  /** @param frameSetId UUID as text */
  constructor(frameSetId: string) {
    this.#frameSetId = Buffer.from(frameSetId.replaceAll('-', ''), 'hex');
  }

  /**
   * @param resized the rows of the batch at `width` pixels
   * @returns bytes that own their memory, so that it can be transferred
   */
  encode(batch: FrameBatch, resized: PackedRows, width: number): Uint8Array<ArrayBuffer> {
    const { count, columns } = batch;
    const [stride, resizedStride] = [maskStride(columns), maskStride(width)];
    const maskBytes = (batch.nulls ? stride : 0) + (resized.nulls ? resizedStride : 0);
    const out = new FieldWriter(count * (FIXED_BYTES + columns + width + maskBytes));
    for (let index = 0; index < count; index++) {
      out.length = out.buffer.writeInt16BE(FIELDS, out.length);
      out.bytes(this.#frameSetId, 0, UUID_BYTES);
      out.length = out.buffer.writeInt32BE(4, out.length);
      out.length = out.buffer.writeInt32BE(batch.rows[index] as number, out.length);
      out.length = out.buffer.writeInt32BE(8, out.length);
      out.length = out.buffer.writeDoubleBE(batch.depths[index] as number, out.length);
      out.bytes(batch.pixels, index * columns, columns);
      out.bytes(resized.pixels, index * width, width);
      out.mask(batch.nulls, index * stride, stride);
      out.mask(resized.nulls, index * resizedStride, resizedStride);
      out.range(rowRange(batch, index, columns));
      const range = rowRange(resized, index, width);
      out.range(range);
      this.resizedRange.min = Math.min(this.resizedRange.min, range.min);
      this.resizedRange.max = Math.max(this.resizedRange.max, range.max);
    }
    return out.buffer.subarray(0, out.length);
  }
}
