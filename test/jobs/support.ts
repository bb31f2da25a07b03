import sharp from 'sharp';
import { LOCAL_OWNER, type OwnerId } from '../../src/auth/owner.ts';
import type { Job, NewJob } from '../../src/jobs/queue/job.ts';
import type { Services } from '../../src/services.ts';
import { eventually } from '../safety/processes.ts';
import type { TestApp } from '../support/app.ts';

/** What becomes of those pictures. */
export const RESIZED = { width: 20, height: 13 };

/** A job that resizes images to a width of 20, as its request would describe it. */
export function resizeJob(ids: readonly string[], changes: Partial<NewJob> = {}): NewJob {
  return {
    lane: 'images',
    operation: 'resize',
    parameters: { width: 20 },
    priority: 'normal',
    retention: 'kept',
    accepts: [],
    apiKeyId: null,
    requestId: 'request-of-a-test',
    inputs: { type: 'image', ids },
    idempotency: null,
    ...changes,
  };
}

/** Uploads small pictures, each of another colour. @returns their ids */
export async function uploadPictures(
  { upload }: Pick<TestApp, 'upload'>,
  count: number,
  first = 0,
): Promise<string[]> {
  const ids: string[] = [];
  for (let from = first; from < first + count; from += 50) {
    const files = await Promise.all(
      Array.from({ length: Math.min(50, first + count - from) }, (_, index) => makePicture(from + index)),
    );
    const response = await upload(
      ...files.map((bytes, index) => ({ bytes, filename: `picture-${from + index}.png` })),
    );
    const { results } = response.json<{ results: { image: { id: string } }[] }>();
    ids.push(...results.map(({ image }) => image.id));
  }
  return ids;
}

/** Red, green and blue of the picture with this number. */
export function colorOf(index: number): [number, number, number] {
  return [index % 256, Math.floor(index / 256) % 256, Math.floor(index / 65536)];
}

/** The picture with this number. */
export function makePicture(index: number): Promise<Buffer> {
  const [r, g, b] = colorOf(index);
  const background = { r, g, b };
  return sharp({ create: { width: 60, height: 40, channels: 3, background } })
    .png()
    .toBuffer();
}

/** The job once it has ended. */
export async function ended(
  { jobs }: Pick<Services, 'jobs'>,
  id: string,
  { owner = LOCAL_OWNER, timeoutMs = 30_000 }: { owner?: OwnerId; timeoutMs?: number } = {},
): Promise<Job> {
  const hasEnded = async () => (await jobs.store.get(owner, id)).endedAt !== null;
  if (!(await eventually(hasEnded, timeoutMs)))
    throw new Error(`The job ${id} has not ended after ${timeoutMs} ms.`);
  return jobs.store.get(owner, id);
}
