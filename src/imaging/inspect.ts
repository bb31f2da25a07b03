import sharp from 'sharp';
import { AppError } from '../errors.ts';
import { restrictLoaders } from './loaders.ts';
import type { ImageMetadata, InspectTask } from './types.ts';

restrictLoaders();

export async function inspectImage({ file, limits }: InspectTask): Promise<ImageMetadata> {
  const open = { failOn: 'warning', limitInputPixels: false } as const;
  const header = await sharp(file.path, open).metadata();
  const pages = header.pages ?? 1;
  if (header.width * header.height > limits.maxPixels) throw new AppError('too_many_pixels', 'too many');
  await sharp(file.path, { ...open, pages: -1 })
    .resize(1, 1, { fit: 'fill' })
    .raw()
    .toBuffer();
  return {
    format: file.format,
    width: header.autoOrient.width,
    height: header.autoOrient.height,
    channels: header.channels,
    depth: header.depth,
    has_alpha: header.hasAlpha,
    pages,
    orientation: header.orientation ?? null,
    color_space: header.space,
    density: header.density ?? null,
    details: {},
  };
}
