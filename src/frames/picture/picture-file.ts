/** A picture of frames as a file: written where the rows are read, and read where the picture is encoded. */
import { type FileHandle, open, writeFile } from 'node:fs/promises';
import type { BuiltPicture } from './builder.ts';

/** Width and height, 32 bits each, little-endian. */
const HEADER_BYTES = 8;
/** Offset of the pixels, after a colour table of 256 × RGB. */
const PIXELS = HEADER_BYTES + 768;

/** Writes a picture: a header, its colour table, its grey levels and, if pixels are missing, their bitmaps. */
export async function writePictureInput(path: string, { picture, table }: BuiltPicture): Promise<void> {
  const { width, height, pixels, nulls } = picture;
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(width, 0);
  header.writeUInt32LE(height, 4);
  const parts = [header, table, pixels, ...(nulls === null ? [] : [nulls])];
  await writeFile(path, parts, { flag: 'wx', mode: 0o600 });
}

export async function readPictureInput(path: string): Promise<BuiltPicture> {
  const file = await open(path);
  try {
    const bytes = await readWhole(file);
    const width = bytes.readUInt32LE(0);
    const height = bytes.readUInt32LE(4);
    const end = PIXELS + width * height;
    const pixels = bytes.subarray(PIXELS, end);
    const nulls = end < bytes.length ? bytes.subarray(end) : null;
    return { table: bytes.subarray(HEADER_BYTES, PIXELS), picture: { width, height, pixels, nulls } };
  } finally {
    await file.close();
  }
}

/** All bytes of a file in one piece; `readFile` would need twice the memory. */
async function readWhole(file: FileHandle): Promise<Buffer> {
  const { size } = await file.stat();
  const bytes = Buffer.allocUnsafeSlow(size);
  for (let at = 0; at < size; ) {
    const { bytesRead } = await file.read(bytes, at);
    if (bytesRead === 0) throw new Error('The picture is incomplete.');
    at += bytesRead;
  }
  return bytes;
}
