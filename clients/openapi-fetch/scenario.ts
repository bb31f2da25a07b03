// The scenario with types by openapi-typescript (schema.ts) and the client openapi-fetch.
import { createHash } from 'node:crypto';
import { openAsBlob } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import createClient from 'openapi-fetch';
import type { components, paths } from './generated/schema.ts';

const [baseUrl = '', folder = ''] = process.argv.slice(2);
const { COREFRAME_API_KEY: apiKey = '' } = process.env;
const api = createClient<paths>({ baseUrl, headers: { 'X-API-Key': apiKey } });

const sha256 = (bytes: ArrayBuffer | Buffer) =>
  createHash('sha256').update(new Uint8Array(bytes)).digest('hex');

/** The data of an answer that must be a success. */
async function ok<T, E>(answer: Promise<{ data?: T; error?: E }>): Promise<T> {
  const { data, error } = await answer;
  if (data === undefined) throw new Error(JSON.stringify(error));
  return data;
}

/** A form of files. openapi-typescript types binary text as `string`, and openapi-fetch sends what this returns. */
async function form(field: string, ...names: string[]): Promise<FormData> {
  const body = new FormData();
  for (const name of names) body.append(field, await openAsBlob(path.join(folder, name)), name);
  return body;
}

const photos = await form('files', 'photo.jpg', 'scan.png', 'notes.txt');
const { results } = await ok(api.POST('/images', { body: { files: [] }, bodySerializer: () => photos }));
const [photo = '', scan = ''] = results.map(({ image }) => image?.id ?? '');

const pages: string[][] = [];
let cursor: string | undefined;
do {
  const query = { limit: 1, sort: '-filename' as const, ...(cursor === undefined ? {} : { cursor }) };
  const page = await ok(api.GET('/images', { params: { query } }));
  pages.push(page.items.map(({ filename }) => filename));
  cursor = page.next_cursor ?? undefined;
} while (cursor !== undefined);

const ofPhoto = { path: { id: photo } };
const resized = await ok(
  api.POST('/images/{id}/resize', { params: ofPhoto, body: { width: 320, format: 'webp' } }),
);
const stored = await ok(
  api.GET('/artifacts/{id}/content', { params: { path: { id: resized.id } }, parseAs: 'arrayBuffer' }),
);
const asked = await ok(
  api.GET('/images/{id}/resize', {
    params: { ...ofPhoto, query: { width: 320, format: 'webp' } },
    parseAs: 'arrayBuffer',
  }),
);

const body: components['schemas']['Pipeline'] = {
  operations: [
    { op: 'crop', aspect_ratio: '1:1' },
    { op: 'resize', width: 64 },
    { op: 'rotate', angle: 90 },
  ],
  output: { format: 'png' },
};
const rendered = await ok(api.POST('/images/{id}/render', { params: ofPhoto, body, parseAs: 'arrayBuffer' }));
const transformed = await ok(api.POST('/images/{id}/transform', { params: ofPhoto, body }));

const histogram = await ok(
  api.GET('/images/{id}/histogram', { params: { ...ofPhoto, query: { bins: 16 } } }),
);
const red = histogram.channels.red;

const mask = await ok(
  api.POST('/images/{id}/segmentation', {
    params: { path: { id: scan } },
    body: { method: 'otsu', min_area: 100 },
  }),
);
const ofMask = { params: { path: { id: mask.id } } };
const { segments } = await ok(api.GET('/artifacts/{id}/segments', ofMask));
const rle = await ok(api.GET('/artifacts/{id}/segments/coco-rle', ofMask));
const polygons = await ok(api.GET('/artifacts/{id}/segments/coco-polygons', ofMask));

const submit = () =>
  ok(
    api.POST('/jobs', {
      params: { header: { 'idempotency-key': 'scenario' } },
      body: { operation: 'resize', parameters: { width: 100 }, image_ids: [photo, scan] },
    }),
  );
let job = await submit();
const repeated = await submit();
const ofJob = { params: { path: { id: job.id } } };
while (job.ended_at === null) {
  await sleep(50);
  job = await ok(api.GET('/jobs/{id}', ofJob));
}
const { items } = await ok(api.GET('/jobs/{id}/items', ofJob));

const csv = await form('file', 'image-log.csv');
const log = await ok(
  api.POST('/upload', {
    params: { query: { depth_unit: 'm' } },
    body: { file: '' },
    bodySerializer: () => csv,
  }),
);
const ofLog = { frame_set_id: [log.id] };
const frames = await ok(
  api.GET('/frames', { params: { query: { depth_min: 9000.1, depth_max: 9000.5, ...ofLog } } }),
);
const framePage = await ok(
  api.GET('/frame-sets/{id}/frames', { params: { path: { id: log.id }, query: { limit: 3 } } }),
);
const picture = await ok(
  api.GET('/frames/picture', {
    params: { query: { height: 200, format: 'png', ...ofLog } },
    parseAs: 'arrayBuffer',
  }),
);

const refused = await api.GET('/images/{id}/resize', {
  params: { ...ofPhoto, query: { background: 'nope', matte: 'none' } },
});
const missing = await api.GET('/images/{id}', {
  params: { path: { id: '00000000-0000-4000-8000-000000000000' } },
});
const unauthenticated = await createClient<paths>({ baseUrl }).GET('/images');
const deletion = await api.DELETE('/images/{id}', { params: { path: { id: scan } } });
const gone = await api.GET('/images/{id}', { params: { path: { id: scan } } });

const transcript = {
  upload: {
    statuses: results.map(({ status }) => status),
    problem: results[2]?.problem?.code,
  },
  pages,
  resize: {
    kind: resized.kind,
    width: resized.result.width,
    sha256: resized.sha256,
    same: sha256(stored) === resized.sha256 && sha256(asked) === resized.sha256,
  },
  pipeline: {
    operations: transformed.parameters.operations?.map(({ op }) => op),
    sha256: sha256(rendered),
  },
  histogram: {
    channels: Object.keys(histogram.channels).sort(),
    red_pixels: red?.pixels,
    red_first: red?.counts.slice(0, 4),
    mean: red?.mean,
  },
  segmentation: {
    kind: mask.kind,
    segments: mask.result.segment_count,
    first_area: segments[0]?.area,
    annotations: rle.annotations.length,
    rle: rle.annotations[0]?.segmentation.counts,
    polygons: polygons.annotations[0]?.segmentation.length,
  },
  job: {
    operation: job.operation,
    state: job.state,
    succeeded: job.progress.succeeded,
    items: items.map(({ state }) => state),
    same: repeated.id === job.id,
  },
  log: { rows: log.rows, message: log.message },
  frames: {
    count: frames.length,
    first_depth: frames[0]?.depth,
    image_sha256: sha256(Buffer.from(frames[0]?.image ?? '', 'base64')),
    page: framePage.items.map(({ depth }) => depth),
  },
  picture: { sha256: sha256(picture) },
  validation: {
    status: refused.error?.status,
    code: refused.error?.code,
    faults: refused.error?.errors?.map(({ location, path }) => [location, path]).sort(),
  },
  missing: { status: missing.error?.status, code: missing.error?.code },
  unauthenticated: { status: unauthenticated.error?.status, code: unauthenticated.error?.code },
  deleted: deletion.response.status === 204 && gone.error?.status === 404,
};
console.log(JSON.stringify(transcript));
