import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { testDataPath } from '../../test/support/test-data.ts';
import { formOf } from './form.ts';

const WIDTH = 2725;
const HEIGHT = 2225;

/** Noise at several scales, like a photo: such a JPEG costs about as much to decode and to encode. */
async function generatePhoto(): Promise<Buffer> {
  const octave = (divisor: number) => {
    const [width, height] = [Math.ceil(WIDTH / divisor), Math.ceil(HEIGHT / divisor)];
    return sharp(randomBytes(width * height * 3), { raw: { width, height, channels: 3 } })
      .resize(WIDTH, HEIGHT, { fit: 'fill', kernel: 'cubic' })
      .raw()
      .toBuffer();
  };
  const octaves = await Promise.all([256, 64, 16, 4].map(octave));
  const weights = [0.5, 0.3, 0.15, 0.05];
  const pixels = Buffer.alloc(WIDTH * HEIGHT * 3);
  for (let index = 0; index < pixels.length; index += 1) {
    pixels[index] = octaves.reduce((sum, data, i) => sum + (data[index] ?? 0) * (weights[i] ?? 0), 0);
  }
  return sharp(pixels, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
    .jpeg({ quality: 90 })
    .toBuffer();
}

/** Writes a photo of 2725×2225 pixels to a folder: the one of the test data if it is there, otherwise a generated one. */
export async function preparePhoto(folder: string): Promise<string> {
  const bytes = await readFile(testDataPath('images/photo-2725x2225.jpg')).catch(generatePhoto);
  const file = path.join(folder, 'photo-2725x2225.jpg');
  await writeFile(file, bytes);
  return file;
}

/** Endless copies of a photo that differ in a comment, so that each is an image of its own. */
export function* photoCopies(photo: Buffer): Generator<Buffer, never> {
  for (let number = 0; ; number += 1) {
    const text = Buffer.from(String(number).padStart(6, '0'));
    const comment = Buffer.concat([Buffer.from([0xff, 0xfe, 0, text.length + 2]), text]);
    yield Buffer.concat([photo.subarray(0, 2), comment, photo.subarray(2)]);
  }
}

/** Uploads a picture. */
export async function uploadPhoto(
  url: string,
  file: string,
  headers: Record<string, string> = {},
): Promise<{ id: string }> {
  const body = formOf('files', await readFile(file), path.basename(file));
  const response = await fetch(`${url}/images`, { method: 'POST', body, headers });
  const { results } = (await response.json()) as { results: { image?: { id: string } }[] };
  const image = results[0]?.image;
  if (!image) throw new Error(`The photo was not stored: ${response.status} ${JSON.stringify(results)}`);
  return { id: image.id };
}
