/**
 * The floor of `histogram`: bare sharp decoding to raw pixels and the plainest loop that counts them, in one process. No
 * statistics, no JSON, no HTTP, nothing stored.
 */
import sharp from 'sharp';
import { serve } from './support/serve.ts';

interface Task {
  file: string;
  count: number;
  inFlight: number;
}

function countChannels(data: Buffer): Uint32Array[] {
  const red = new Uint32Array(256);
  const green = new Uint32Array(256);
  const blue = new Uint32Array(256);
  for (let i = 0; i < data.length; i += 3) {
    const r = data[i] as number;
    const g = data[i + 1] as number;
    const b = data[i + 2] as number;
    red[r] = (red[r] as number) + 1;
    green[g] = (green[g] as number) + 1;
    blue[b] = (blue[b] as number) + 1;
  }
  return [red, green, blue];
}

async function run({ file, count, inFlight }: Task): Promise<number> {
  let left = count;
  const start = performance.now();
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (left > 0) {
        left -= 1;
        countChannels(await sharp(file).raw().toBuffer());
      }
    }),
  );
  return (performance.now() - start) / 1000;
}

sharp.cache(false);
serve(run);
