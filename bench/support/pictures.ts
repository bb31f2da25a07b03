import path from 'node:path';
import sharp from 'sharp';

/** The photo reduced to one megapixel, 1107×904. */
export async function prepareOneMegapixel(folder: string, photo: string): Promise<string> {
  const file = path.join(folder, 'photo-1107x904.jpg');
  await sharp(photo).resize(1107, 904, { fit: 'fill' }).jpeg({ quality: 90 }).toFile(file);
  return file;
}

/**
 * 12 megapixels, 4000×3000: the photo with its mirror images beside and below it. An enlarged photo would be smoother than
 * those of cameras.
 */
export async function prepareTwelveMegapixels(folder: string, photo: string): Promise<string> {
  const file = path.join(folder, 'photo-4000x3000.jpg');
  const { width, height } = await sharp(photo).metadata();
  await sharp(photo)
    .extend({ right: 4000 - width, bottom: 3000 - height, extendWith: 'mirror' })
    .jpeg({ quality: 90 })
    .toFile(file);
  return file;
}
