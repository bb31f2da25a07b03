/** The floor of `resize`: bare sharp in one process, from the same file to a buffer. No HTTP, nothing stored. */
import sharp from 'sharp';
import { serve, timeAll } from './support/serve.ts';

interface Task {
  file: string;
  variants: readonly { width: number; quality: number }[];
  inFlight: number;
}

sharp.cache(false);
serve(({ file, variants, inFlight }: Task) =>
  timeAll(variants, inFlight, ({ width, quality }) => sharp(file).resize(width).jpeg({ quality }).toBuffer()),
);
