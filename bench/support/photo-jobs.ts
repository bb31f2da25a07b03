import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { photoCopies, preparePhoto, uploadPhoto } from './photo.ts';
import type { BenchServer } from './server.ts';

/** Photos of a job, each of which is an image of its own. */
export const PHOTOS = 500;

export interface JobAnswer {
  id: string;
  state: string;
  created_at: string;
  ended_at: string | null;
}

/** Copies of a photo, each of which is an image of its own. */
export async function copyPhoto(folder: string): Promise<string[]> {
  const copies = photoCopies(await readFile(await preparePhoto(folder)));
  return Promise.all(
    Array.from({ length: PHOTOS }, async (_, index) => {
      const file = path.join(folder, `photo-${index}.jpg`);
      await writeFile(file, copies.next().value);
      return file;
    }),
  );
}

export async function uploadAll(url: string, files: readonly string[]): Promise<string[]> {
  const ids: string[] = [];
  const left = files.entries();
  const upload = async () => {
    for (const [index, file] of left) ids[index] = (await uploadPhoto(url, file)).id;
  };
  await Promise.all([upload(), upload()]);
  return ids;
}

export async function send<T>(url: string, method: string, body?: object): Promise<T> {
  const response = await fetch(url, {
    method,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${text}`);
  return JSON.parse(text);
}

/** Submits a job that resizes images, and waits until it has succeeded. */
export async function runJob(
  { url }: BenchServer,
  ids: readonly string[],
  width: number,
): Promise<JobAnswer> {
  const { id } = await send<JobAnswer>(`${url}/jobs`, 'POST', {
    operation: 'resize',
    parameters: { width },
    image_ids: ids,
  });
  for (;;) {
    const job = await send<JobAnswer>(`${url}/jobs/${id}`, 'GET');
    if (job.state === 'succeeded') return job;
    if (job.ended_at !== null) throw new Error(`The job has ${job.state}.`);
    await sleep(250);
  }
}

/** From its submission to its end, as the database has recorded it. */
export function secondsOf({ created_at, ended_at }: JobAnswer): number {
  return (Date.parse(ended_at ?? '') - Date.parse(created_at)) / 1000;
}
