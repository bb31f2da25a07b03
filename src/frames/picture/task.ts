import type { Outcome, Task } from '../../work/operation.ts';
import { contentFile, writeNewFile } from '../../work/task-files.ts';
import type { BuiltPicture } from './builder.ts';
import { encodePicturePng, paintPicture } from './picture.ts';
import { readPictureInput } from './picture-file.ts';
import type { FramePictureParams, PictureFormat } from './schemas.ts';

/** JPEG has no transparency, so missing pixels are white. */
async function encode(
  { picture, table }: BuiltPicture,
  format: PictureFormat,
): Promise<Uint8Array | Uint8Array[]> {
  if (format === 'png') return encodePicturePng(picture, table);
  const { default: sharp } = await import('sharp');
  const { data, width, height, channels } = paintPicture(picture, table);
  const raw = sharp(data, { raw: { width, height, channels }, limitInputPixels: false });
  if (format === 'webp') return raw.webp({ lossless: true, effort: 2 }).toBuffer();
  return raw.flatten({ background: '#ffffff' }).jpeg({ quality: 90, chromaSubsampling: '4:4:4' }).toBuffer();
}

/** Colours and encodes a picture of frames. */
export async function runFramePicture({
  inputs: [file],
  params: { format },
  outputPath,
}: Task<FramePictureParams>): Promise<Outcome> {
  const built = await readPictureInput(contentFile(file));
  return { content: await writeNewFile(outputPath, await encode(built, format)), result: {} };
}
