import { readdir } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import type { Test } from 'tap';
import { createTestApp, multipartBody, type TestApp } from '../support/app.ts';
import { type Answer, exchange } from './connection.ts';

export interface ListeningApp extends TestApp {
  port: number;
  /** A path to the URL on the listening address. */
  url(path: string): string;
  /** What lies in the folders for temporary files, once it has become nothing or 1 s has gone. */
  temporaryFiles(): Promise<string[]>;
  /** Uploads a small picture of its own and tells whether it was created. */
  works(): Promise<boolean>;
}

/** The whole application behind a real socket. */
export async function listen(
  t: Test,
  settings: Record<string, string> = {},
  options?: Parameters<typeof createTestApp>[2],
): Promise<ListeningApp> {
  const testApp = await createTestApp(t, settings, options);
  await testApp.app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = testApp.app.server.address() as AddressInfo;
  return {
    ...testApp,
    port,
    url: (urlPath) => `http://127.0.0.1:${port}${urlPath}`,
    temporaryFiles: () => filesLeftIn(testApp.config.TEMP_IMAGE_DIR),
    works: async () => (await uploadOver(port, await newPicture())).status === 201,
  };
}

/** Files in the folders of processes below a folder for temporary files, once there are none or 1 s has gone. */
export async function filesLeftIn(root: string): Promise<string[]> {
  const deadline = performance.now() + 1000;
  for (;;) {
    const entries = await readdir(root, { withFileTypes: true, recursive: true });
    const files = entries
      .filter((entry) => entry.isFile() && !entry.name.endsWith('.lock'))
      .map((entry) => path.join(entry.parentPath, entry.name));
    if (files.length === 0 || performance.now() > deadline) return files;
    await sleep(20);
  }
}

let count = 0;

/** A small PNG that no other call gives. */
export async function newPicture(width = 16, height = 12): Promise<Buffer> {
  count += 1;
  const background = { r: count & 255, g: (count >> 8) & 255, b: process.pid & 255 };
  return sharp({ create: { width, height, channels: 3, background } })
    .png()
    .toBuffer();
}

/** Uploads one file by fetch-like bytes on a connection of its own. */
export function uploadOver(port: number, bytes: Buffer, filename = 'good.png'): Promise<Answer> {
  const { body, headers } = multipartBody([{ bytes, filename }]);
  return exchange(port, [head('POST', '/images', { ...headers, 'content-length': body.length }), body]);
}

/** A request's first line and header. */
export function head(method: string, url: string, headers: Record<string, string | number> = {}): string {
  const lines = Object.entries({ host: '127.0.0.1', ...headers }).map(([name, value]) => `${name}: ${value}`);
  return `${method} ${url} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
}

/** An upload of one file in pieces: the request's head, and what is before and after the file's bytes. */
export function uploadInParts(bytes: Buffer | string, url = '/images', field = 'files', headers = {}) {
  const opening = `--b\r\nContent-Disposition: form-data; name="${field}"; filename="a.png"\r\n\r\n`;
  const closing = '\r\n--b--\r\n';
  const length = opening.length + Buffer.byteLength(bytes) + closing.length;
  const type = 'multipart/form-data; boundary=b';
  const start = head('POST', url, { 'content-type': type, 'content-length': length, ...headers });
  return { start, opening, closing };
}

/** JSON of an answer that is a problem document; undefined for anything else. */
export function problemOf(answer: Answer): { status: number; code: string; detail: string } | undefined {
  if (!answer.headers['content-type']?.startsWith('application/problem+json')) return undefined;
  const problem = JSON.parse(answer.body.toString());
  return problem.status === answer.status && typeof problem.code === 'string' ? problem : undefined;
}
