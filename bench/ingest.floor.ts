/**
 * The floor of `ingest`: a binary COPY of the same depths and bytes from a file into the same indexed table, in one
 * transaction with fsync on. No HTTP, no parsing, no resampling.
 */
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { COPY_COLUMNS } from '../src/frames/ingest/copy-rows.ts';
import { serve } from './support/serve.ts';

interface Task {
  url: string;
  file: string;
}

async function run({ url, file }: Task): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const start = performance.now();
  await client.query('BEGIN');
  const copy = client.query(copyFrom(`COPY frames (${COPY_COLUMNS}) FROM STDIN (FORMAT binary)`));
  await pipeline(createReadStream(file, { highWaterMark: 256 * 1024 }), copy);
  await client.query('COMMIT');
  const seconds = (performance.now() - start) / 1000;
  await client.end();
  return seconds;
}

serve(run);
