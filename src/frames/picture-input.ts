/** A picture of frames as a file: what goes from where rows are read to where the picture is encoded. */
import { open } from 'node:fs/promises';
import { maskStride } from './null-mask.ts';
import type { BuiltPicture } from './picture-builder.ts';

/** Width, height and whether pixels are missing, 32 bits each, little-endian. */
const HEADER_BYTES = 12;
/** 256 × RGB. */
const TABLE_BYTES = 768;

/** Writes a picture: a header, its colour table, its grey levels and, if pixels are missing, their bitmaps. */
export async function writePictureInput(path: string, { picture, table }: BuiltPicture): Promise<void> {
  const { width, height, pixels, nulls } = picture;
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(width, 0);
  header.writeUInt32LE(height, 4);
  header.writeUInt32LE(nulls === null ? 0 : 1, 8);
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writev([header, table, pixels, ...(nulls === null ? [] : [nulls])]);
  } finally {
    await file.close();
  }
}

/** Reads what `writePictureInput` has written. */
export async function readPictureInput(path: string): Promise<BuiltPicture> {
  const file = await open(path);
  try {
    const bytes = await file.readFile();
    const width = bytes.readUInt32LE(0);
    const height = bytes.readUInt32LE(4);
    const take = partsOf(bytes.subarray(HEADER_BYTES));
    const table = take(TABLE_BYTES);
    const pixels = take(width * height);
    const nulls = bytes.readUInt32LE(8) === 1 ? take(height * maskStride(width)) : null;
    return { table, picture: { width, height, pixels, nulls } };
  } finally {
    await file.close();
  }
}

/** Gives one part after the other. */
function partsOf(bytes: Buffer): (length: number) => Buffer {
  let at = 0;
  return (length) => {
    at += length;
    return bytes.subarray(at - length, at);
  };
}
