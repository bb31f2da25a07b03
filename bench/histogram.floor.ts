/** The floor of `histogram`: bare sharp to raw pixels and the simplest counting loop, in one process. Nothing stored. */
import sharp from 'sharp';
import { serve, timeAll } from './support/serve.ts';

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

sharp.cache(false);
serve(({ file, count, inFlight }: Task) =>
  timeAll(Array<string>(count).fill(file), inFlight, async (name) =>
    countChannels(await sharp(name).raw().toBuffer()),
  ),
);
