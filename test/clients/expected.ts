import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const FILES = ['photo.jpg', 'scan.png', 'notes.txt'];
const PIPELINE = {
  operations: [
    { op: 'crop', aspect_ratio: '1:1' },
    { op: 'resize', width: 64 },
    { op: 'rotate', angle: 90 },
  ],
  output: { format: 'png' },
};
const NOWHERE = '00000000-0000-4000-8000-000000000000';

// biome-ignore lint/suspicious/noExplicitAny: the responses are read without types, unlike in the programs that this is compared with
type Untyped = any;

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function faultsOf({ status, code, errors }: Untyped) {
  const faults: [string, string][] = errors.map(({ location, path }: Untyped) => [location, path]);
  return { status, code, faults: faults.toSorted(([, one], [, other]) => (one < other ? -1 : 1)) };
}

/** A server that requires credentials, and an API key that it accepts. */
export interface ClientServer {
  base: string;
  apiKey: string;
}

/**
 * Runs the scenario of the generated clients with plain requests.
 *
 * @param server without any data; it requires a credential, and `apiKey` is one
 * @param folder holds photo.jpg, scan.png, notes.txt and image-log.csv
 * @returns what the program of each client has to print
 */
export async function runScenario({ base, apiKey }: ClientServer, folder: string): Promise<object> {
  const request = (url: string, init: RequestInit = {}) =>
    fetch(`${base}${url}`, { ...init, headers: { ...init.headers, 'x-api-key': apiKey } });
  const get = async (url: string): Promise<Untyped> => (await request(url)).json();
  const bytesOf = async (url: string, init?: RequestInit) =>
    new Uint8Array(await (await request(url, init)).arrayBuffer());
  const withBody = (body: object): RequestInit => ({
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const post = async (url: string, body: object): Promise<Untyped> =>
    (await request(url, withBody(body))).json();
  const send = async (url: string, field: string, names: readonly string[]): Promise<Untyped> => {
    const form = new FormData();
    for (const name of names) form.append(field, new Blob([await readFile(path.join(folder, name))]), name);
    return (await request(url, { method: 'POST', body: form })).json();
  };

  const { results } = await send('/images', 'files', FILES);
  const [photo, scan] = results.map(({ image }: Untyped) => image?.id);

  const pages: string[][] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: Untyped = await get(`/images?limit=1&sort=-filename${cursor && `&cursor=${cursor}`}`);
    pages.push(page.items.map(({ filename }: Untyped) => filename));
    cursor = page.next_cursor;
  }

  const resized = await post(`/images/${photo}/resize`, { width: 320, format: 'webp' });
  const content = await bytesOf(`/artifacts/${resized.id}/content`);
  const direct = await bytesOf(`/images/${photo}/resize?width=320&format=webp`);

  const transformed = await post(`/images/${photo}/transform`, PIPELINE);
  const { channels } = await get(`/images/${photo}/histogram?bins=16`);

  const mask = await post(`/images/${scan}/segmentation`, { method: 'otsu', min_area: 100 });
  const { segments } = await get(`/artifacts/${mask.id}/segments`);
  const rle = await get(`/artifacts/${mask.id}/segments/coco-rle`);
  const polygons = await get(`/artifacts/${mask.id}/segments/coco-polygons`);

  const batch = { operation: 'resize', parameters: { width: 100 }, image_ids: [photo, scan] };
  const submit = async (): Promise<Untyped> => {
    const { headers, ...init } = withBody(batch);
    const answer = await request('/jobs', {
      ...init,
      headers: { ...headers, 'idempotency-key': 'scenario' },
    });
    return answer.json();
  };
  let job = await submit();
  const repeated = await submit();
  while (job.ended_at === null) {
    await sleep(50);
    job = await get(`/jobs/${job.id}`);
  }
  const { items } = await get(`/jobs/${job.id}/items`);

  const log = await send('/upload?depth_unit=m', 'file', ['image-log.csv']);
  const frames = await get(`/frames?depth_min=9000.1&depth_max=9000.5&frame_set_id=${log.id}`);
  const page = await get(`/frame-sets/${log.id}/frames?limit=3`);

  const missing = await get(`/images/${NOWHERE}`);
  const unauthenticated: Untyped = await (await fetch(`${base}/images`)).json();
  await request(`/images/${scan}`, { method: 'DELETE' });
  const deleted = await get(`/images/${scan}`);

  return {
    upload: {
      statuses: results.map(({ status }: Untyped) => status),
      problem: results[2].problem.code,
    },
    pages,
    resize: {
      kind: resized.kind,
      width: resized.result.width,
      sha256: resized.sha256,
      same: sha256(content) === resized.sha256 && sha256(direct) === resized.sha256,
    },
    pipeline: {
      operations: transformed.parameters.operations.map(({ op }: Untyped) => op),
      sha256: sha256(await bytesOf(`/images/${photo}/render`, withBody(PIPELINE))),
    },
    histogram: {
      channels: Object.keys(channels).toSorted(),
      red_pixels: channels.red.pixels,
      red_first: channels.red.counts.slice(0, 4),
      mean: channels.red.mean,
    },
    segmentation: {
      kind: mask.kind,
      segments: mask.result.segment_count,
      first_area: segments[0].area,
      annotations: rle.annotations.length,
      rle: rle.annotations[0].segmentation.counts,
      polygons: polygons.annotations[0].segmentation.length,
    },
    job: {
      operation: job.operation,
      state: job.state,
      succeeded: job.progress.succeeded,
      items: items.map(({ state }: Untyped) => state),
      same: repeated.id === job.id,
    },
    log: { rows: log.rows, message: log.message },
    frames: {
      count: frames.length,
      first_depth: frames[0].depth,
      image_sha256: sha256(Buffer.from(frames[0].image, 'base64')),
      page: page.items.map(({ depth }: Untyped) => depth),
    },
    picture: {
      sha256: sha256(await bytesOf(`/frames/picture?frame_set_id=${log.id}&height=200&format=png`)),
    },
    validation: faultsOf(await get(`/images/${photo}/resize?background=nope&matte=none`)),
    missing: { status: missing.status, code: missing.code },
    unauthenticated: { status: unauthenticated.status, code: unauthenticated.code },
    deleted: deleted.status === 404,
  };
}
