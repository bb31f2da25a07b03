// The scenario with a client by openapi-generator, typescript-fetch.
import { createHash } from 'node:crypto';
import { openAsBlob } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as api from './generated/index.js';

const [basePath = '', folder = ''] = process.argv.slice(2);
const { COREFRAME_API_KEY: apiKey = '' } = process.env;
const configuration = new api.Configuration({ basePath, apiKey });
const images = new api.ImagesApi(configuration);
const artifacts = new api.ArtifactsApi(configuration);
const manipulation = new api.ManipulationApi(configuration);
const measurement = new api.MeasurementApi(configuration);
const logs = new api.FramesApi(configuration);
const jobs = new api.JobsApi(configuration);

const sha256 = (bytes: ArrayBuffer | Buffer) =>
  createHash('sha256').update(new Uint8Array(bytes)).digest('hex');

const hashOf = async (file: Blob) => sha256(await file.arrayBuffer());

const open = async (name: string) =>
  new File([await openAsBlob(path.join(folder, name))], name, { type: 'application/octet-stream' });

/** The problem with which a request fails, by its type. */
async function problemOf(request: Promise<unknown>): Promise<api.Problem> {
  try {
    await request;
  } catch (error) {
    if (error instanceof api.ResponseError) return api.ProblemFromJSON(await error.response.json());
  }
  throw new Error('The request should have failed.');
}

const files = await Promise.all(['photo.jpg', 'scan.png', 'notes.txt'].map(open));
const { results } = await images.uploadImages({ files });
const [photo = '', scan = ''] = results.map(({ image }) => image?.id ?? '');

const pages: string[][] = [];
let cursor: string | undefined;
do {
  const page = await images.listImages({ limit: 1, sort: '-filename', ...(cursor && { cursor }) });
  pages.push(page.items.map(({ filename }) => filename));
  cursor = page.nextCursor ?? undefined;
} while (cursor !== undefined);

const resized = await manipulation.resizeImage({
  id: photo,
  resizeRequest: { width: 320, format: 'webp' },
});
const stored = await artifacts.getArtifactContent({ id: resized.id });
const asked = await manipulation.getResizedImage({ id: photo, width: 320, format: 'webp' });

const pipeline: api.Pipeline = {
  operations: [
    { op: 'crop', aspectRatio: '1:1' },
    { op: 'resize', width: 64 },
    { op: 'rotate', angle: 90 },
  ],
  output: { format: 'png' },
};
const rendered = await manipulation.renderImage({ id: photo, pipeline });
const transformed = await manipulation.transformImage({ id: photo, pipeline });

const histogram = await measurement.getImageHistogram({ id: photo, bins: 16 });
const red = histogram.channels.red;

const mask = await measurement.segmentImage({
  id: scan,
  segmentationRequest: { method: 'otsu', minArea: 100 },
});
const { segments } = await measurement.getSegments({ id: mask.id });
const rle = await measurement.getSegmentsCocoRle({ id: mask.id });
const polygons = await measurement.getSegmentsCocoPolygons({ id: mask.id });

const submit = () =>
  jobs.createJob({
    jobRequest: { operation: 'resize', parameters: { width: 100 }, imageIds: [photo, scan] },
    idempotencyKey: 'scenario',
  });
let job = await submit();
const repeated = await submit();
while (job.endedAt === null) {
  await sleep(50);
  job = await jobs.getJob({ id: job.id });
}
const { items } = await jobs.listJobItems({ id: job.id });

const log = await logs.uploadImageLog({ file: await open('image-log.csv'), depthUnit: 'm' });
const frameSetId = [log.id];
const frames = await logs.getFrames({ depthMin: 9000.1, depthMax: 9000.5, frameSetId });
const framePage = await logs.listFrames({ id: log.id, limit: 3 });
const picture = await logs.getFramesPicture({ height: 200, format: 'png', frameSetId });

const refused = await problemOf(
  manipulation.getResizedImage({ id: photo, background: 'nope', matte: 'none' }),
);
const missing = await problemOf(images.getImage({ id: '00000000-0000-4000-8000-000000000000' }));
const unauthenticated = await problemOf(new api.ImagesApi(new api.Configuration({ basePath })).listImages());
const deletion = await images.deleteImageRaw({ id: scan });
const gone = await problemOf(images.getImage({ id: scan }));

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
    channels: Object.entries(histogram.channels)
      .flatMap(([name, value]) => (value ? [name] : []))
      .sort(),
    red_pixels: red?.pixels,
    red_first: red?.counts.slice(0, 4),
    mean: red?.mean,
  },
  segmentation: {
    kind: mask.kind,
    segments: mask.result.segmentCount,
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
    status: refused.status,
    code: refused.code,
    faults: refused.errors?.map(({ location, path }) => [location, path]).sort(),
  },
  missing: { status: missing.status, code: missing.code },
  unauthenticated: { status: unauthenticated.status, code: unauthenticated.code },
  deleted: deletion.raw.status === 204 && gone.status === 404,
};
console.log(JSON.stringify(transcript));
