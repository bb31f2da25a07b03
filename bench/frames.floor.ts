/**
 * The floors of `frames`: a bare HTTP server that sends the same bytes of JSON from one binary SELECT, and bare sharp that
 * encodes the same pixels as PNG.
 */
import { readFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import sharp from 'sharp';
import { serve, timeAll } from './support/serve.ts';

type Task =
  | { type: 'listen'; url: string }
  | { type: 'encode'; count: number; width: number; height: number; file: string };

/** Items sent at once. */
const ITEMS = 1000;

async function answer(client: pg.Client, response: ServerResponse): Promise<void> {
  // pg knows `binary`, but its types do not. Items are ASCII, so that decoding does not change them.
  const query = {
    text: 'SELECT item FROM bench_items ORDER BY number',
    rowMode: 'array' as const,
    binary: true,
  };
  const { rows } = await client.query<[string]>(query);
  response.writeHead(200, { 'content-type': 'application/json' });
  for (let at = 0; at < rows.length; at += ITEMS) {
    let text = '';
    for (const [item] of rows.slice(at, at + ITEMS)) text += item;
    if (!response.write(text, 'latin1')) await new Promise((resolve) => response.once('drain', resolve));
  }
  response.end();
}

async function listen(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const server = createServer((_request, response) => void answer(client, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

async function encode(task: Task & { type: 'encode' }): Promise<number> {
  const { width, height, count } = task;
  const data = await readFile(task.file);
  return timeAll(Array<Buffer>(count).fill(data), 1, (pixels) =>
    sharp(pixels, { raw: { width, height, channels: 3 } })
      .png()
      .toBuffer(),
  );
}

sharp.cache(false);
serve((task: Task) => (task.type === 'listen' ? listen(task.url) : encode(task)));
