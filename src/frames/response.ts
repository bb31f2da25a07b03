import type { FrameSet } from '../db/generated/client.ts';
import { type Delimiter, nameOfDelimiter } from './csv/delimiters.ts';
import type { StoredOptions } from './ingest/new-frame-set.ts';
import { qualityOf } from './rows/quality.ts';
import type { FrameSetResponse } from './schemas.ts';

/** A frame set as clients see it. */
export function toFrameSetResponse(set: FrameSet): FrameSetResponse {
  // This service has written the columns, so they have these types.
  const options = set.options as StoredOptions;
  const quality = set.quality as Omit<FrameSetResponse['quality'], 'delimiter'> & { delimiter: Delimiter };
  return {
    id: set.id,
    name: set.name,
    filename: set.filename,
    sha256: Buffer.from(set.sha256).toString('hex'),
    size: Number(set.size),
    rows: set.rows,
    columns: set.columns,
    width: set.width,
    depth_min: set.depthMin,
    depth_max: set.depthMax,
    depth_unit: set.depthUnit,
    value_min: set.imageMin,
    value_max: set.imageMax,
    options: {
      ...options,
      delimiter: options.delimiter === null ? null : nameOfDelimiter(options.delimiter),
    },
    quality: { ...quality, delimiter: nameOfDelimiter(quality.delimiter) },
    created_at: set.createdAt.toISOString(),
    updated_at: set.updatedAt.toISOString(),
    frames_url: `/frames?frame_set_id=${set.id}`,
    content_url: set.fileSha256 === null ? null : `/frame-sets/${set.id}/content`,
  };
}

export function uploadMessage(set: FrameSet, isNew: boolean): string {
  if (!isNew) return 'The same image log was uploaded before; this is its frame set.';
  const { rows, empty_rows, bad_rows } = qualityOf(set);
  const skipped = [empty_rows > 0 && `${empty_rows} empty`, bad_rows > 0 && `${bad_rows} with faults`];
  const note = empty_rows + bad_rows === 0 ? '' : `; rows skipped: ${skipped.filter(Boolean).join(', ')}`;
  return `Stored ${rows} ${rows === 1 ? 'frame' : 'frames'}${note}.`;
}
