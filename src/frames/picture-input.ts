/** What goes from the API to the image process that encodes a picture of frames. Without sharp, which only the latter loads. */
import { open } from 'node:fs/promises';
import { maskStride } from './null-mask.ts';
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

/** Reads what `writePictureInput` wrote. */
export async function readPictureInput({
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
