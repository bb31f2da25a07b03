import { randomBytes } from 'node:crypto';
import sharp from 'sharp';
import { type Answer, exchange } from './connection.ts';
import { head, uploadOver } from './listening.ts';
import { eventually } from './processes.ts';

/** A JPEG of noise, which no codec makes short work of. */
export function noise(width: number, height: number): Promise<Buffer> {
  return sharp(randomBytes(width * height * 3), { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 60 })
    .toBuffer();
}

/** The request for a JSON body. */
export function postJson(url: string, body: object, headers: Record<string, string> = {}): string {
  const text = JSON.stringify(body);
  return `${head('POST', url, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...headers })}${text}`;
}

/** A transform that takes half a minute and more on a picture of some megapixels. */
export const ENDLESS = { operations: [], output: { format: 'avif', effort: 9, quality: 90 } };

/** Uploads a picture and gives its id. */
export async function uploadId(port: number, bytes: Buffer): Promise<string> {
  const answer = await uploadOver(port, bytes, 'a.jpg');
  return JSON.parse(answer.body.toString()).results[0].image.id;
}

/** Image operations that ran to an end so far, by outcome, as the metrics tell. */
export async function operationCounts(port: number): Promise<Record<string, number>> {
  const text = (await exchange(port, head('GET', '/metrics'))).body.toString();
  const lines = text.matchAll(
    /^coreframe_image_operation_duration_seconds_count\{operation="(\w+)",outcome="(\w+)"\} (\d+)$/gm,
  );
  return Object.fromEntries(
    [...lines].map(([, operation, outcome, count]) => [`${operation} ${outcome}`, Number(count)]),
  );
}

/** Waits until a request holds a place of a queue, as the metrics tell. */
export async function untilRunning(port: number, queue: 'images' | 'uploads'): Promise<void> {
  const running = new RegExp(`^coreframe_queue_running\\{queue="${queue}"\\} [1-9]`, 'm');
  const runs = async () => running.test((await exchange(port, head('GET', '/metrics'))).body.toString());
  if (!(await eventually(runs, 20_000))) throw new Error(`Nothing runs in the queue ${queue}.`);
}

export const jsonOf = (answer: Answer) => JSON.parse(answer.body.toString());
