import type { Image } from '../db/generated/client.ts';
import { FORMATS, type ImageFormat } from '../pictures/formats.ts';
import type { ImageDetails } from '../pictures/metadata.ts';
import type { ImageResponse } from './schemas.ts';

/** An image as clients see it. The position is included only on request. */
export function toImageResponse(image: Image, { includeGps }: { includeGps: boolean }): ImageResponse {
  const { ownerId: _, sha256, details, hasAlpha, colorSpace, createdAt, updatedAt, ...same } = image;
  // Written by this service from `ImageMetadata`, so the columns hold what its types say.
  const format = image.format as ImageFormat;
  const { gps, ...found } = details as ImageDetails;
  return {
    ...same,
    format,
    media_type: FORMATS[format].mediaType,
    size: Number(image.size),
    sha256: Buffer.from(sha256).toString('hex'),
    has_alpha: hasAlpha,
    color_space: colorSpace,
    has_profile: false,
    is_progressive: false,
    delays: null,
    loop: null,
    animation: null,
    sample_range: null,
    damaged_pages: [],
    exif: {},
    ...found,
    ...(includeGps && gps ? { gps } : {}),
    created_at: createdAt.toISOString(),
    updated_at: updatedAt.toISOString(),
    content_url: `/images/${image.id}/content`,
  };
}
