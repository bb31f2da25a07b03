/** A picture of frames as a file: what goes from where rows are read to where the picture is encoded. */
import { type FileHandle, open, writeFile } from 'node:fs/promises';
import { maskStride } from '../rows/null-mask.ts';
import type { BuiltPicture } from './builder.ts';

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
  const parts = [header, table, pixels, ...(nulls === null ? [] : [nulls])];
  await writeFile(path, parts, { flag: 'wx', mode: 0o600 });
}

/** Reads what `writePictureInput` has written. */
export async function readPictureInput(path: string): Promise<BuiltPicture> {
  const file = await open(path);
  try {
    const bytes = await readWhole(file);
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

/** All bytes of a file in one piece; `readFile` joins pieces, which takes the memory twice. */
async function readWhole(file: FileHandle): Promise<Buffer> {
  const { size } = await file.stat();
  const bytes = Buffer.allocUnsafeSlow(size);
  for (let at = 0; at < size; ) {
    const { bytesRead } = await file.read(bytes, at);
    if (bytesRead === 0) throw new Error('The picture is cut off.');
    at += bytesRead;
  }
  return bytes;
}

/** Gives one part after the other. */
function partsOf(bytes: Buffer): (length: number) => Buffer {
  let at = 0;
  return (length) => {
    at += length;
    return bytes.subarray(at - length, at);
  };
}
