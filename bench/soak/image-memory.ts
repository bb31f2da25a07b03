import { randomBytes } from 'node:crypto';
import sharp from 'sharp';
import { seededRandom } from '../../src/segmentation/methods/random.ts';
import { makeGif, makePng, makeTiff, resizeJpegHeader } from '../../test/manipulation/fixtures.ts';
import { median } from '../support/compare.ts';
import { formOf } from '../support/form.ts';
import { interlacedPng, progressiveParts, zeroPng } from '../support/hostile-pictures.ts';
import { processTree } from '../support/processes.ts';
import type { BenchServer } from '../support/server.ts';
import { onStage } from '../support/stage.ts';
import type { Soak } from '../support/types.ts';

/** The default of MAX_DECODE_BYTES, and a tenth. */
const MAX_BYTES = 2 * 2 ** 30 * 1.1;
const SAMPLE_MS = 20;
const MAX_REFUSAL_MS = 100;
const REFUSALS = 5;
const IN_FLIGHT = 10;
const SIDE = 7000;
/** Most of the memory is taken in the first seconds. */
const OPERATION_TIMEOUT_MS = 8_000;

type Files = Record<string, () => Promise<Buffer> | Buffer>;

/** Files whose header tells that they would take too much memory or time. */
const REFUSED: Files = {
  'a PNG of 10,000,000×5': () => zeroPng(10_000_000, 5),
  'a PNG of 1×49,000,000': () => zeroPng(1, 49_000_000),
  'a PNG that claims 60,000×60,000': () => makePng(60_000, 60_000, Buffer.alloc(100)),
  'a GIF of 100 pages of 2000×2000': () => makeGif(100, 2000, 2000),
  'a GIF of 20,000 pages of 1×3000': () => makeGif(20_000, 1, 3000),
  'a JPEG that claims 65,500×65,500': async () =>
    resizeJpegHeader(await flat(16).jpeg({ progressive: true }).toBuffer(), 65_500, 65_500),
  'a progressive JPEG of 2,646 scans': async () => {
    const { head, lastScan, end } = await progressiveParts(seededRandom(1));
    return Buffer.concat([head, ...Array<Buffer>(2_646).fill(lastScan), end]);
  },
  'a TIFF that claims a block of 60,000×60,000': () => {
    const tiff = makeTiff([[16, 16]]);
    tiff.writeUInt32LE(60_000, 10 + 8);
    tiff.writeUInt32LE(60_000, 10 + 12 + 8);
    tiff.writeUInt32LE(60_000, 10 + 7 * 12 + 8);
    return tiff;
  },
  'a WebP of 150,000 empty chunks': async () => {
    const webp = await flat(8).webp().toBuffer();
    const filled = Buffer.concat([webp, Buffer.alloc(8 * 150_000, 'abcd\0\0\0\0')]);
    filled.writeUInt32LE(filled.length - 8, 4);
    return filled;
  },
};

/** The largest pictures that are accepted, in the ways of storing them that take most memory. */
const ACCEPTED: Files = {
  'a JPEG of noise': () => noise().jpeg({ quality: 40 }).toBuffer(),
  'a progressive JPEG of noise': () => noise().jpeg({ quality: 40, progressive: true }).toBuffer(),
  'an interlaced PNG': () => interlacedPng(SIDE, SIDE),
  'a tiled TIFF': () => flat(SIDE).tiff({ compression: 'deflate', tile: true }).toBuffer(),
};

const OPERATIONS: [path: string, body: object][] = [
  ['convert', { format: 'webp', lossless: true }],
  ['convert', { format: 'avif' }],
  ['convert', { format: 'gif' }],
  ['convert', { format: 'png', palette: true }],
  ['convert', { format: 'png', progressive: true }],
  ['transform', { operations: [{ op: 'rotate', angle: 30 }], output: { format: 'jpeg', mozjpeg: true } }],
  [
    'transform',
    {
      operations: [
        { op: 'blur', sigma: 50 },
        { op: 'median', size: 9 },
      ],
      output: { format: 'png' },
    },
  ],
  ['transform', { operations: [{ op: 'resize', width: 9_990 }], output: { format: 'webp', lossless: true } }],
  ['histogram', { percentiles: [1, 50, 99] }],
  ['segmentation', { method: 'kmeans' }],
  ['segmentation', { method: 'watershed' }],
];

const flat = (side: number) =>
  sharp({ create: { width: side, height: side, channels: 3, background: '#405060' } });

function noise() {
  const block = randomBytes(3 * SIDE * 100);
  const pixels = Buffer.concat(Array<Buffer>(SIDE / 100).fill(block));
  return sharp(pixels, { raw: { width: SIDE, height: SIDE, channels: 3 } });
}

async function upload(
  { url }: BenchServer,
  bytes: Buffer,
): Promise<{ status: number; body: string; ms: number }> {
  const body = formOf('files', bytes);
  const start = performance.now();
  const response = await fetch(`${url}/images`, { method: 'POST', body });
  return { status: response.status, body: await response.text(), ms: performance.now() - start };
}

/** Watches the memory of all image processes until it is stopped. */
function watch({ pid, postgresPid }: BenchServer): () => Promise<number> {
  let most = 0;
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      const start = performance.now();
      const [, ...children] = await processTree(pid);
      const postgres = new Set((await processTree(postgresPid)).map((found) => found.pid));
      for (const { pid: child, rss } of children) if (!postgres.has(child)) most = Math.max(most, rss);
      await new Promise((resolve) =>
        setTimeout(resolve, Math.max(0, SAMPLE_MS - (performance.now() - start))),
      );
    }
  })();
  return async () => {
    isOver = true;
    await watching;
    return most;
  };
}

/**
 * Uploads files that must be refused by their header, then does expensive operations with the largest pictures that are accepted, ten
 * at once, and watches the memory of the image processes.
 */
export const soak: Soak = () =>
  onStage(async (stage) => {
    const server = await stage.startServer({ OPERATION_TIMEOUT_MS: String(OPERATION_TIMEOUT_MS) });
    const failures: string[] = [];
    const stopWatching = watch(server);
    await upload(server, await flat(32).png().toBuffer());
    let slowestRefusal = 0;
    for (const [name, make] of Object.entries(REFUSED)) {
      const bytes = await make();
      const answers = [];
      for (let round = 0; round < REFUSALS; round += 1) answers.push(await upload(server, bytes));
      const ms = median(answers.map((answer) => answer.ms));
      slowestRefusal = Math.max(slowestRefusal, ms);
      const [{ status, body }] = answers as [(typeof answers)[0]];
      console.log(
        `${name}, ${bytes.length} bytes: ${status} ${JSON.parse(body).code} after ${ms.toFixed(1)} ms`,
      );
      if (status < 400 || status >= 500) failures.push(`${name}: ${status}.`);
      if (ms > MAX_REFUSAL_MS) failures.push(`${name} was refused after ${Math.round(ms)} ms.`);
    }

    const requests: { what: string; url: string; body: object }[] = [];
    for (const [name, make] of Object.entries(ACCEPTED)) {
      const { status, body } = await upload(server, await make());
      if (status !== 201) {
        failures.push(`${name}: ${status} ${body}`);
        continue;
      }
      const { id } = JSON.parse(body).results[0].image;
      for (const [path, params] of OPERATIONS)
        requests.push({
          what: `${path} ${JSON.stringify(params)} of ${name}`,
          url: `${server.url}/images/${id}/${path}`,
          body: params,
        });
    }
    const codes: Record<string, number> = {};
    const client = async () => {
      for (let next = requests.shift(); next !== undefined; next = requests.shift()) {
        const response = await fetch(next.url, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(next.body),
        });
        const { code = 'made' } = (await response.json()) as { code?: string };
        codes[code] = (codes[code] ?? 0) + 1;
        if (response.status >= 500 && code !== 'operation_timeout')
          failures.push(`${next.what}: ${response.status} ${code}.`);
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, client));
    const most = await stopWatching();
    console.log(
      `${SIDE}×${SIDE} pixels, ${IN_FLIGHT} requests at once: ${JSON.stringify(codes)}; ` +
        `at most ${Math.round(most / 2 ** 20)} MiB in an image process`,
    );
    if (most > MAX_BYTES) failures.push(`An image process took ${Math.round(most / 2 ** 20)} MiB.`);
    return {
      figures: { refusal_ms: Math.round(slowestRefusal), most_mib: Math.round(most / 2 ** 20) },
      failures,
    };
  });
