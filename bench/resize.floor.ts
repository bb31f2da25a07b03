/**
 * The floor of `resize`: bare sharp in one process, from the same file to a buffer that is dropped. No HTTP, no second
 * process, nothing stored.
 */
import sharp from 'sharp';
import { serve } from './support/serve.ts';

interface Task {
  file: string;
  variants: readonly { width: number; quality: number }[];
  inFlight: number;
}

async function run({ file, variants, inFlight }: Task): Promise<number> {
  const waiting = variants.values();
  const start = performance.now();
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      for (const { width, quality } of waiting) {
        await sharp(file).resize(width).jpeg({ quality }).toBuffer();
      }
    }),
  );
  return (performance.now() - start) / 1000;
}

sharp.cache(false);
serve(run);
