import { open, stat, writeFile } from 'node:fs/promises';
import sharp from 'sharp';
import { maskStride } from './null-mask.ts';
import { encodePicturePng, paintPicture } from './picture.ts';
import type { GreyPicture } from './row-binner.ts';

/** Formats of pictures of frames. */
export const PICTURE_FORMATS = ['png', 'webp', 'jpeg'] as const;
export type PictureFormat = (typeof PICTURE_FORMATS)[number];

/** What an image process needs to colour and encode a picture of frames. */
export interface FramePictureTask {
  /** Grey levels, then, where pixels are missing, their bitmaps: the memory of a `GreyPicture`. */
  inputPath: string;
  width: number;
  height: number;
  hasNulls: boolean;
  /** 256 × RGB. */
  table: Uint8Array;
  format: PictureFormat;
  /** Where the picture is written; the file does not exist before. */
  outputPath: string;
}

/** Writes the memory of a picture for `runFramePicture`. */
export async function writePictureInput(path: string, { pixels, nulls }: GreyPicture): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(pixels);
    if (nulls) await file.writeFile(nulls);
  } finally {
    await file.close();
  }
}

async function readPictureInput({
  inputPath,
  width,
  height,
  hasNulls,
}: FramePictureTask): Promise<GreyPicture> {
  const file = await open(inputPath);
  try {
    const bytes = await file.readFile();
    const pixels = bytes.subarray(0, width * height);
    const nulls = hasNulls
      ? bytes.subarray(width * height, width * height + height * maskStride(width))
      : null;
    return { width, height, pixels, nulls };
  } finally {
    await file.close();
  }
}

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
