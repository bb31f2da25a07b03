import { createHash } from 'node:crypto';
import { type Static, Type } from '@sinclair/typebox';
import canonicalize from 'canonicalize';
import type { PoolClient } from 'pg';
import type { OwnerId } from '../../auth/owner.ts';
import { NullableEnum, StringEnum } from '../../core/schema.ts';
import { DELIMITER_NAMES, type Delimiter } from '../csv/delimiters.ts';
import { DEFAULT_NULL_VALUES } from '../csv/null-values.ts';
import { RESAMPLE_KERNELS } from '../rows/resampler.ts';
import { RowWidth } from '../rows/row.ts';
import type { IngestOptions, IngestSummary } from './messages.ts';

/** Ingest options as clients see them. */
export const IngestOptionsSchema = Type.Object(
  {
    delimiter: NullableEnum(DELIMITER_NAMES, {
      description: 'The separator of cells; null if it was found from the header.',
    }),
    depth_column: Type.Optional(Type.String({ description: 'Absent if it was found by its name.' })),
    null_values: Type.Array(Type.String()),
    on_error: StringEnum(['fail', 'skip']),
    width: RowWidth({}),
    kernel: StringEnum(RESAMPLE_KERNELS),
  },
  { $id: 'IngestOptions', description: 'How the file was read.' },
);
/** Ingest options as they are stored: complete, and with the delimiter as a character. */
export type StoredOptions = Omit<Static<typeof IngestOptionsSchema>, 'delimiter'> & {
  delimiter: Delimiter | null;
};

/** What is known of a frame set before its file is read. */
export interface NewFrameSet {
  name: string;
  filename: string;
  depthUnit: string | undefined;
  options: StoredOptions;
  /** SHA-256 of the options as canonical JSON (RFC 8785). */
  optionsKey: Buffer;
}

/** The complete options and their key: equal bytes read with equal options are the same log. */
export function identifyOptions(options: IngestOptions): Pick<NewFrameSet, 'options' | 'optionsKey'> {
  const stored: StoredOptions = {
    delimiter: options.delimiter ?? null,
    ...(options.depthColumn === undefined ? {} : { depth_column: options.depthColumn }),
    null_values: [...new Set(options.nullValues ?? DEFAULT_NULL_VALUES)].sort(),
    on_error: options.onError ?? 'fail',
    width: options.width,
    kernel: options.kernel,
  };
  const text = canonicalize(stored) ?? '';
  return { options: stored, optionsKey: createHash('sha256').update(text).digest() };
}

/** Inserts the row that frames refer to. `completeFrameSet` fills it in once the file is read. */
export async function insertFrameSet(
  client: PoolClient,
  owner: OwnerId,
  id: string,
  { name, filename, depthUnit, options, optionsKey }: NewFrameSet,
): Promise<void> {
  await client.query(
    `INSERT INTO frame_sets (id, owner_id, name, filename, depth_unit, options, options_key, first_id, last_id,
                             sha256, size, rows, columns, width, depth_min, depth_max, quality)
     VALUES ($1, $2, $3, $4, $5, $6, $7, nextval('frames_id_seq'), 0, sha256(''), 0, 0, 0, $8, 0, 0, '{}')`,
    [id, owner, name, filename, depthUnit ?? null, JSON.stringify(options), optionsKey, options.width],
  );
}

/**
 * The id of the oldest other frame set with the same bytes and options. A lock until the end of the transaction makes one of
 * two simultaneous equal uploads find the other.
 */
export async function findSame(
  client: PoolClient,
  owner: OwnerId,
  id: string,
  sha256: Uint8Array,
  optionsKey: Buffer,
): Promise<string | undefined> {
  const key = [owner, Buffer.from(sha256).toString('hex'), optionsKey.toString('hex')].join('/');
  await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [key]);
  const { rows } = await client.query<{ id: string }>(
    `SELECT id FROM frame_sets WHERE owner_id = $1 AND sha256 = $2 AND options_key = $3 AND id <> $4
     ORDER BY created_at, id LIMIT 1`,
    [owner, Buffer.from(sha256), optionsKey, id],
  );
  return rows[0]?.id;
}

/** @param hasFile whether the uploaded file has become a blob */
export async function completeFrameSet(
  client: PoolClient,
  id: string,
  summary: IngestSummary,
  hasFile: boolean,
): Promise<void> {
  const { sha256, size, columns, quality, resizedRange, faults, fault_total, delimiter } = summary;
  const { depthUnit, depthDecimals } = summary;
  const isEmpty = resizedRange.max < resizedRange.min;
  await client.query(
    `UPDATE frame_sets SET last_id = currval('frames_id_seq'), sha256 = $2, size = $3, rows = $4, columns = $5,
       depth_min = $6, depth_max = $7, image_min = $8, image_max = $9, resized_min = $10, resized_max = $11, quality = $12,
       depth_unit = coalesce(depth_unit, $13), depth_decimals = $14, file_sha256 = CASE WHEN $15 THEN $2::bytea END
     WHERE id = $1`,
    [
      id,
      Buffer.from(sha256),
      size,
      quality.rows,
      columns,
      quality.depth_min,
      quality.depth_max,
      quality.value_min,
      quality.value_max,
      isEmpty ? null : resizedRange.min,
      isEmpty ? null : resizedRange.max,
      JSON.stringify({ ...quality, delimiter, faults, fault_total }),
      depthUnit,
      depthDecimals,
      hasFile,
    ],
  );
}
