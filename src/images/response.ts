import type { Image } from '../db/generated/client.ts';
import { FORMATS, type ImageFormat } from '../pictures/formats.ts';
import type { ImageDetails } from '../pictures/metadata.ts';
import type { ImageResponse } from './schemas.ts';

/** An image as clients see it. The position is shown only if it was asked for. */
export function toImageResponse(image: Image, { includeGps }: { includeGps: boolean }): ImageResponse {
  // Written by this service from `ImageMetadata`, so the columns hold what its types say.
  const format = image.format as ImageFormat;
  const details = image.details as ImageDetails;
  return {
    id: image.id,
    filename: image.filename,
    format,
    media_type: FORMATS[format].mediaType,
    size: Number(image.size),
    sha256: Buffer.from(image.sha256).toString('hex'),
    width: image.width,
    height: image.height,
    channels: image.channels,
    depth: image.depth,
    has_alpha: image.hasAlpha,
    pages: image.pages,
    orientation: image.orientation,
    color_space: image.colorSpace,
    density: image.density,
    has_profile: details.has_profile ?? false,
    is_progressive: details.is_progressive ?? false,
    delays: details.delays ?? null,
    loop: details.loop ?? null,
    exif: details.exif ?? {},
    ...(includeGps && details.gps ? { gps: details.gps } : {}),
    created_at: image.createdAt.toISOString(),
    updated_at: image.updatedAt.toISOString(),
    content_url: `/images/${image.id}/content`,
  };
}
