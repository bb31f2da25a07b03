// The scenario with a client by @hey-api/openapi-ts.
import { createHash } from 'node:crypto';
import { openAsBlob } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { client } from './generated/client.gen.js';
import * as api from './generated/index.js';

const [baseUrl = '', folder = ''] = process.argv.slice(2);
const { COREFRAME_API_KEY: apiKey = '' } = process.env;
// Operations accept access tokens, too.
const auth = ({ type }: { type: string }) => (type === 'apiKey' ? apiKey : undefined);
client.setConfig({ baseUrl: baseUrl as '/', auth });

const sha256 = (bytes: ArrayBuffer | Buffer) =>
  createHash('sha256').update(new Uint8Array(bytes)).digest('hex');

/** Bytes of an answer that is typed as a file. */
const hashOf = async (file: Blob | File) => sha256(await file.arrayBuffer());

const open = async (name: string) =>
  new File([await openAsBlob(path.join(folder, name))], name, { type: 'application/octet-stream' });

const throwOnError = true as const;
const files = await Promise.all(['photo.jpg', 'scan.png', 'notes.txt'].map(open));
const { results } = (await api.uploadImages({ body: { files }, throwOnError })).data;
const [photo = '', scan = ''] = results.map(({ image }) => image?.id ?? '');

const pages: string[][] = [];
let cursor: string | undefined;
do {
  const query = { limit: 1, sort: '-filename' as const, ...(cursor === undefined ? {} : { cursor }) };
  const page = (await api.listImages({ query, throwOnError })).data;
  pages.push(page.items.map(({ filename }) => filename));
  cursor = page.next_cursor ?? undefined;
} while (cursor !== undefined);

const ofPhoto = { path: { id: photo }, throwOnError };
const resized = (await api.resizeImage({ ...ofPhoto, body: { width: 320, format: 'webp' } })).data;
const stored = (await api.getArtifactContent({ path: { id: resized.id }, throwOnError })).data;
const asked = (await api.getResizedImage({ ...ofPhoto, query: { width: 320, format: 'webp' } })).data;

const body: api.Pipeline = {
  operations: [
    { op: 'crop', aspect_ratio: '1:1' },
    { op: 'resize', width: 64 },
    { op: 'rotate', angle: 90 },
  ],
  output: { format: 'png' },
};
const rendered = (await api.renderImage({ ...ofPhoto, body })).data;
const transformed = (await api.transformImage({ ...ofPhoto, body })).data;

const histogram = (await api.getImageHistogram({ ...ofPhoto, query: { bins: 16 } })).data;
const red = histogram.channels.red;

const mask = (
  await api.segmentImage({
    path: { id: scan },
    body: { method: 'otsu', min_area: 100 },
    throwOnError,
  })
).data;
const ofMask = { path: { id: mask.id }, throwOnError };
const { segments } = (await api.getSegments(ofMask)).data;
const rle = (await api.getSegmentsCocoRle(ofMask)).data;
const polygons = (await api.getSegmentsCocoPolygons(ofMask)).data;

const submit = async () => {
  const headers = { 'idempotency-key': 'scenario' };
  const request = { operation: 'resize' as const, parameters: { width: 100 }, image_ids: [photo, scan] };
  return (await api.createJob({ headers, body: request, throwOnError })).data;
};
let job = await submit();
const repeated = await submit();
const ofJob = { path: { id: job.id }, throwOnError };
while (job.ended_at === null) {
  await sleep(50);
  job = (await api.getJob(ofJob)).data;
}
const { items } = (await api.listJobItems(ofJob)).data;

const log = (
  await api.uploadImageLog({
    query: { depth_unit: 'm' },
    body: { file: await open('image-log.csv') },
    throwOnError,
  })
).data;
const frame_set_id = [log.id];
const frames = (
  await api.getFrames({ query: { depth_min: 9000.1, depth_max: 9000.5, frame_set_id }, throwOnError })
).data;
const framePage = (await api.listFrames({ path: { id: log.id }, query: { limit: 3 }, throwOnError })).data;
const picture = (
  await api.getFramesPicture({ query: { height: 200, format: 'png', frame_set_id }, throwOnError })
).data;

const refused = await api.getResizedImage({
  path: { id: photo },
  query: { background: 'nope', matte: 'none' },
});
const missing = await api.getImage({ path: { id: '00000000-0000-4000-8000-000000000000' } });
const unauthenticated = await api.listImages({ auth: () => undefined });
const deletion = await api.deleteImage({ path: { id: scan } });
const gone = await api.getImage({ path: { id: scan } });

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
    same: (await hashOf(stored)) === resized.sha256 && (await hashOf(asked)) === resized.sha256,
  },
  pipeline: {
    operations: transformed.parameters.operations?.map(({ op }) => op),
    sha256: await hashOf(rendered),
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
    image_sha256: sha256(Buffer.from(String(frames[0]?.image), 'base64')),
    page: framePage.items.map(({ depth }) => depth),
  },
  picture: { sha256: await hashOf(picture) },
  validation: {
    status: refused.error?.status,
    code: refused.error?.code,
    faults: refused.error?.errors?.map(({ location, path }) => [location, path]).sort(),
  },
  missing: { status: missing.error?.status, code: missing.error?.code },
  unauthenticated: { status: unauthenticated.error?.status, code: unauthenticated.error?.code },
  deleted: deletion.response?.status === 204 && gone.error?.status === 404,
};
console.log(JSON.stringify(transcript));
