import type { FrameSet } from '../db/generated/client.ts';
import { qualityOf } from './rows/quality.ts';
import type { FrameSetResponse } from './schemas.ts';

/** A frame set as clients see it. */
export function toFrameSetResponse(set: FrameSet): FrameSetResponse {
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
    // This service has written the columns, so they have these types.
    options: set.options as FrameSetResponse['options'],
    quality: set.quality as FrameSetResponse['quality'],
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
