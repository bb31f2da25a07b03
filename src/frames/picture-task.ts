import { stat, writeFile } from 'node:fs/promises';
import sharp from 'sharp';
import { encodePicturePng, paintPicture } from './picture.ts';
import { type FramePictureTask, type PictureFormat, readPictureInput } from './picture-input.ts';
import type { GreyPicture } from './row-binner.ts';

/** A JPEG has no transparency: missing pixels are white. */
async function encode(picture: GreyPicture, table: Uint8Array, format: PictureFormat): Promise<Buffer> {
  if (format === 'png') return encodePicturePng(picture, table);
  const { data, width, height, channels } = paintPicture(picture, table);
  const raw = sharp(data, { raw: { width, height, channels }, limitInputPixels: false });
  if (format === 'webp') return raw.webp({ lossless: true, effort: 2 }).toBuffer();
  return raw.flatten({ background: '#ffffff' }).jpeg({ quality: 90, chromaSubsampling: '4:4:4' }).toBuffer();
}

/** Colours and encodes a picture, for an image process. */
export async function runFramePicture(task: FramePictureTask): Promise<{ size: number }> {
  const picture = await readPictureInput(task);
  await writeFile(task.outputPath, await encode(picture, task.table, task.format), {
    flag: 'wx',
    mode: 0o600,
  });
  return { size: (await stat(task.outputPath)).size };
}
