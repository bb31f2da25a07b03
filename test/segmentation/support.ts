import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { parameterCompiler } from '../../src/http/problems/validation.ts';
import type { ImageLimits, SourceFile } from '../../src/pictures/types.ts';
import { readLabelMap } from '../../src/segmentation/labels/label-map.ts';
import type { LabelMap } from '../../src/segmentation/labels/labels.ts';
import type { Picture } from '../../src/segmentation/labels/picture.ts';
import { seededRandom } from '../../src/segmentation/methods/random.ts';
import { completeParams, nameMethod } from '../../src/segmentation/params.ts';
import { SEGMENTATION_SCHEMAS, type SegmentationParams } from '../../src/segmentation/schemas.ts';
import { type Segmentation, segmentFile, segmentPicture } from '../../src/segmentation/segment.ts';
import { needsPython, PYTHON } from '../support/python.ts';
import { needsTestData, testDataPath } from '../support/test-data.ts';

export const LIMITS: ImageLimits = {
  maxPixels: 50_000_000,
  maxTotalPixels: 200_000_000,
  maxOutputPixels: 100_000_000,
  maxDecodeBytes: 2 ** 31,
};

/** A file of the test data, and the reason why a test that needs it is skipped if it is missing. */
export function dataFile(name: string): { path: string; skip: string | false } {
  return { path: testDataPath(name), ...needsTestData(name) };
}

export function sourceOf(file: string): SourceFile {
  return {
    path: file,
    format: file.endsWith('.jpg')
      ? 'jpeg'
      : file.endsWith('.gif')
        ? 'gif'
        : file.endsWith('.tif')
          ? 'tiff'
          : 'png',
  };
}

/** Reads a label map from its file or from the bytes of an answer. */
export async function readLabels(input: string | Buffer): Promise<LabelMap> {
  if (typeof input === 'string') return readLabelMap(input);
  const folder = await mkdtemp(path.join(tmpdir(), 'coreframe-labels-'));
  try {
    const file = path.join(folder, 'labels.png');
    await writeFile(file, input);
    return await readLabelMap(file);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const holdToSchema = parameterCompiler(
  Object.fromEntries(SEGMENTATION_SCHEMAS.map((schema) => [schema.$id, schema])),
)({
  $ref: 'SegmentationParams#',
});

/** Complete parameters from what a client may give, as a request to the service makes them. */
export function resolveParams(given?: unknown): SegmentationParams {
  const params = nameMethod(structuredClone(given));
  holdToSchema(params);
  return completeParams(params as SegmentationParams);
}

export function segment(file: string, params: object): Promise<Segmentation> {
  return segmentFile(sourceOf(file), resolveParams(params), LIMITS);
}

export function segmentPixels(picture: Picture, params: object): Promise<Segmentation> {
  return segmentPicture(picture, resolveParams(params));
}

/** A grey picture drawn with `#` (255) and `.` (0); digits stand for themselves times 10. */
export function drawing(...rows: string[]): Picture {
  const width = rows[0]?.length ?? 0;
  const data = Uint8Array.from(rows.join(''), (c) => (c === '#' ? 255 : c === '.' ? 0 : Number(c) * 10));
  return { width, height: rows.length, channels: 1, data };
}

/** Labels drawn with digits; `.` is background. */
export function labelDrawing(...rows: string[]): LabelMap {
  const width = rows[0]?.length ?? 0;
  return {
    width,
    height: rows.length,
    data: Uint8Array.from(rows.join(''), (c) => (c === '.' ? 0 : Number(c))),
  };
}

/** Random levels, smoothed so that blobs of several pixels appear; equal for equal seeds. */
export function blobs(width: number, height: number, seed: number, levels = 256): Picture {
  const random = seededRandom(seed);
  const noise = Float64Array.from({ length: width * height }, random);
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (const [dx, dy] of [
        [0, 0],
        [1, 0],
        [0, 1],
        [1, 1],
      ] as const) {
        sum += noise[Math.min(height - 1, y + dy) * width + Math.min(width - 1, x + dx)] as number;
      }
      data[y * width + x] = Math.floor((sum / 4) * levels);
    }
  }
  return { width, height, channels: 1, data };
}

const ORACLE = fileURLToPath(new URL('oracle.py', import.meta.url));

/** Asks the Python oracle several things in one process; see `oracle.py` for its calls. */
export function askOracle(requests: { call: string; [argument: string]: unknown }[]): unknown[] {
  const { status, stdout, stderr, error } = spawnSync(PYTHON, [ORACLE], {
    input: JSON.stringify(requests),
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
  });
  if (error !== undefined || status !== 0) throw new Error(error?.message ?? stderr);
  return JSON.parse(stdout);
}

const MODULES = ['cv2', 'numpy', 'PIL', 'pycocotools', 'shapely', 'skimage'];

/** Why tests against Python are skipped here, or false. */
export const oracleSkip = needsPython(...MODULES);

export const encodePicture = ({ width, height, channels, data }: Picture) => ({
  width,
  height,
  channels,
  data: Buffer.from(data).toString('base64'),
});

export const encodeLabels = ({ width, height, data }: LabelMap) => ({
  width,
  height,
  data: Buffer.from(Uint16Array.from(data).buffer).toString('base64'),
});

export const decodeBytes = (base64: unknown) => new Uint8Array(Buffer.from(String(base64), 'base64'));

/** Intersection over union of two sets of pixels. */
export function overlap(length: number, isA: (i: number) => boolean, isB: (i: number) => boolean): number {
  let both = 0;
  let either = 0;
  for (let i = 0; i < length; i++) {
    if (isA(i) && isB(i)) both++;
    if (isA(i) || isB(i)) either++;
  }
  return both / either;
}

/** H×W×3 of a file, alpha left out. */
export async function readRgb(file: string): Promise<Picture> {
  const { data, info } = await sharp(file).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, channels: 3, data };
}
