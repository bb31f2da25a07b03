/** The floor of `jobs`: bare sharp in one process, from files to buffers. Nothing is queued or stored. */
import sharp from 'sharp';
import { serve, timeAll } from './support/serve.ts';

export interface Task {
  files: readonly string[];
  width: number;
  inFlight: number;
}

sharp.cache(false);
serve(({ files, width, inFlight }: Task) =>
  timeAll(files, inFlight, (file) => sharp(file).resize(width).jpeg().toBuffer()),
);
