import { type Static, Type } from '@sinclair/typebox';
import type { BlobRef } from '../../blobs/blob-store.ts';
import { AppError } from '../../core/errors.ts';
import { Nullable, SchemaRef, StringEnum } from '../../core/schema.ts';
import { type SharedSchemas, validatorCompiler } from '../../core/validator.ts';
import { frameLength, jsonFrame } from '../../system/byte-frames.ts';
import { DELIMITERS } from '../csv/delimiters.ts';
import { CellFaultSchema } from '../csv/faults.ts';
import { maskStride } from '../rows/null-mask.ts';
import { GapSchema, QualityReportSchema, StepSchema } from '../rows/quality.ts';
import type { RowSink, StoredLog } from './ingest.ts';
import type { IngestSummary } from './messages.ts';

/*
 * The rows of a log between two machines: frames of whole rows as COPY has them, a frame without bytes, and a frame with the summary.
 * Nothing that is received is believed, because a row could name the frame set of somebody else.
 */

/** Frames of a stream. */
export interface RowFrames {
  next(maxBytes: number): Promise<Buffer | undefined>;
  json(maxBytes: number): Promise<unknown>;
  end(): Promise<void>;
}

/** A batch of rows takes at most 16 MiB. */
const MAX_FRAME_BYTES = 64 * 1024 * 1024;
const MAX_SUMMARY_BYTES = 1024 * 1024;

const SummarySchema = Type.Object({
  sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
  size: Type.Integer({ minimum: 0 }),
  columns: Type.Integer({ minimum: 1 }),
  delimiter: StringEnum(DELIMITERS),
  depthUnit: Nullable('string', { maxLength: 100 }),
  depthDecimals: Type.Integer({ minimum: 0, maximum: 400 }),
  quality: QualityReportSchema,
  faults: Type.Array(SchemaRef(CellFaultSchema), { maxItems: 100 }),
  fault_total: Type.Integer({ minimum: 0 }),
  resizedRange: Type.Object({
    min: Type.Integer({ minimum: 0, maximum: 256 }),
    max: Type.Integer({ minimum: -1, maximum: 255 }),
  }),
});
type Summary = Static<typeof SummarySchema>;

const SHARED = Object.fromEntries(
  [GapSchema, StepSchema, CellFaultSchema].map((schema) => [schema.$id, schema]),
) as SharedSchemas;
const validateSummary = validatorCompiler('json', SHARED)(SummarySchema);

/**
 * Copies the rows that another machine sends into a sink, and finishes it. If it fails, nothing of the log is kept.
 *
 * @param file that they were read from
 * @param width pixels of the resized rows
 * @throws AppError `malformed_request`; what the sink throws
 */
export async function copyRows(
  frames: RowFrames,
  file: BlobRef,
  width: number,
  sink: RowSink,
): Promise<StoredLog> {
  const check = new RowCheck(sink.frameSetId, width);
  try {
    for (;;) {
      const rows = await frames.next(MAX_FRAME_BYTES);
      if (rows === undefined) throw refused('They end without a summary.');
      if (rows.length === 0) break;
      check.next(rows);
      await sink.write(rows);
    }
    const summary = readSummary(await frames.json(MAX_SUMMARY_BYTES), check);
    await frames.end();
    if (!file.sha256.equals(summary.sha256) || file.size !== summary.size)
      throw refused('They are those of another file.');
    return await sink.finish(summary);
  } catch (error) {
    await sink.abort();
    throw error;
  }
}

/** A summary as a frame. */
export function summaryFrame({ sha256, ...summary }: IngestSummary): Buffer {
  return jsonFrame({ ...summary, sha256: Buffer.from(sha256).toString('hex') });
}

/** Rows as a frame: its length and its bytes. */
export function rowFrame(rows: Uint8Array): [Buffer, Uint8Array] {
  return [frameLength(rows.length), rows];
}

/** The frame after the last rows. */
export const END_OF_ROWS = frameLength(0);

function readSummary(value: unknown, { rows, columns }: RowCheck): IngestSummary {
  if (!validateSummary(value)) throw refused('Their summary is not valid.');
  const { sha256, ...summary } = value as Summary;
  if (summary.quality.rows !== rows || rows === 0 || summary.columns !== columns)
    throw refused('Their summary is that of other rows.');
  return { ...summary, sha256: Buffer.from(sha256, 'hex') };
}

const FIELDS = 11;
const NULL = -1;

/** Checks rows of COPY as `CopyRowEncoder` writes them: they belong to one frame set, and all have the same number of pixels. */
class RowCheck {
  rows = 0;
  columns = 0;
  readonly #frameSetId: string;
  readonly #width: number;
  #lastRow = -1;

  constructor(frameSetId: string, width: number) {
    this.#frameSetId = frameSetId.replaceAll('-', '');
    this.#width = width;
  }

  /** @throws AppError `malformed_request` */
  next(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      try {
        at = this.#row(bytes, at);
      } catch (error) {
        // Reading behind the end.
        throw error instanceof AppError ? error : refused('The last one is cut off.');
      }
    }
  }

  /** Checks one row. @returns where the next one begins */
  #row(bytes: Buffer, start: number): number {
    let at = start + 2;
    const requireThat = (isRight: boolean, what: string) => {
      if (!isRight) throw refused(`Row ${this.rows} has ${what}.`);
    };
    const field = (what: string, ...lengths: readonly number[]): number => {
      const length = bytes.readInt32BE(at);
      requireThat(lengths.includes(length), `${length} bytes for ${what}`);
      const from = at + 4;
      at = from + Math.max(0, length);
      if (at > bytes.length) throw refused('The last one is cut off.');
      return from;
    };
    requireThat(bytes.readInt16BE(start) === FIELDS, 'another number of fields');
    const id = field('the frame set', 16);
    requireThat(bytes.toString('hex', id, id + 16) === this.#frameSetId, 'the id of another frame set');
    const row = bytes.readInt32BE(field('its number', 4));
    requireThat(row > this.#lastRow, 'a number that is not above the one before');
    this.#lastRow = row;
    requireThat(Number.isFinite(bytes.readDoubleBE(field('its depth', 8))), 'a depth that is not finite');
    if (this.columns === 0) this.columns = Math.max(1, bytes.readInt32BE(at));
    field('its pixels', this.columns);
    field('its resized pixels', this.#width);
    field('its missing pixels', NULL, maskStride(this.columns));
    field('its missing resized pixels', NULL, maskStride(this.#width));
    for (let level = 0; level < 4; level++) {
      const from = field('a level', NULL, 2);
      if (from < at) requireThat(bytes.readUInt16BE(from) <= 255, 'a level above 255');
    }
    this.rows += 1;
    return at;
  }
}

function refused(reason: string): AppError {
  return new AppError('malformed_request', `The rows of the attempt are refused. ${reason}`);
}
