/**
 * The floor of `ingest`: a binary COPY of the same depths and bytes from a file into the same indexed table, and the CSV file in
 * chunks, in one transaction with fsync on. No HTTP, no hashing, no parsing, no resampling.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { COPY_COLUMNS } from '../src/frames/ingest/copy-rows.ts';
import { serve } from './support/serve.ts';

interface Task {
  url: string;
  file: string;
  /** The log itself. */
  csv: string;
}

async function run({ url, file, csv }: Task): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const start = performance.now();
  await client.query('BEGIN');
  const copy = client.query(copyFrom(`COPY frames (${COPY_COLUMNS}) FROM STDIN (FORMAT binary)`));
  await pipeline(createReadStream(file, { highWaterMark: 256 * 1024 }), copy);
  const { size } = await stat(csv);
  await client.query("INSERT INTO blobs (sha256, size, media_type) VALUES (sha256(''), $1, 'text/csv')", [
    size,
  ]);
  let index = 0;
  for await (const data of createReadStream(csv, { highWaterMark: 1024 * 1024 })) {
    const text = "INSERT INTO blob_chunks (sha256, index, data) VALUES (sha256(''), $1, $2)";
    await client.query({ name: 'insert-chunk', text, values: [index, data] });
    index += 1;
  }
  await client.query('COMMIT');
  const seconds = (performance.now() - start) / 1000;
  await client.end();
  return seconds;
}

serve(run);
