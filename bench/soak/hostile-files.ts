import { setTimeout as sleep } from 'node:timers/promises';
import { formOf } from '../support/form.ts';
import { hostileLogs } from '../support/hostile-logs.ts';
import { hostilePictures } from '../support/hostile-pictures.ts';
import type { BenchServer, Memory } from '../support/server.ts';
import { onStage } from '../support/stage.ts';
import type { Soak } from '../support/types.ts';

const QUARTERS = 4;
/** Files in each quarter. */
const PICTURES = 425;
const LOGS = 75;
const IN_FLIGHT = 4;
const IMAGE_PROCESSES = 2;
const MAX_REQUEST_MS = 5_000;
/** Maximum growth: of the API from the most after any quarter before to the end, of the image processes from the start to the end. */
const MAX_GROWTH = 1.1;
/** Between two quarters. */
const PAUSE_MS = 3_000;
/** Time after which the pool has replaced idle image processes that have kept much memory. */
const IDLE_MS = 35_000;

/** What is done with each picture that is accepted, in turn. */
const OPERATIONS: readonly [string, object][] = [
  ['resize', { width: 100, without_enlargement: true }],
  ['convert', { format: 'webp' }],
  ['histogram', {}],
  ['segmentation', { method: 'otsu' }],
  ['resize', { height: 300, format: 'png', without_enlargement: true }],
  ['convert', { format: 'jpeg' }],
  ['histogram', { channels: ['luminance', 'hue'], bins: 64 }],
  ['segmentation', { method: 'kmeans' }],
  ['transform', { operations: [{ op: 'rotate', angle: 90 }, { op: 'grayscale' }] }],
  ['segmentation', { method: 'watershed' }],
];

/** What the requests for the files of one run got. */
class Tally {
  readonly statuses: Record<number, number> = {};
  slowestMs = 0;
  accepted = 0;
  readonly failures: string[] = [];

  /** Sends a request and reads its answer. */
  async send(what: string, url: string, init: RequestInit = {}): Promise<{ status: number; body: Buffer }> {
    const start = performance.now();
    const response = await fetch(url, init);
    const body = Buffer.from(await response.arrayBuffer());
    const ms = Math.round(performance.now() - start);
    this.statuses[response.status] = (this.statuses[response.status] ?? 0) + 1;
    this.slowestMs = Math.max(this.slowestMs, ms);
    if (response.status >= 500)
      this.failures.push(`${what}: ${response.status} ${body.toString().slice(0, 300)}`);
    if (ms > MAX_REQUEST_MS) this.failures.push(`${what}: ${ms} ms, more than ${MAX_REQUEST_MS}.`);
    return { status: response.status, body };
  }
}

interface File {
  kind: string;
  bytes: Buffer;
}

async function sendPicture({ url }: BenchServer, tally: Tally, index: number, file: File): Promise<void> {
  const name = `picture ${index} (${file.kind})`;
  const init = { method: 'POST', body: formOf('files', file.bytes) };
  const { status, body } = await tally.send(`the upload of ${name}`, `${url}/images`, init);
  if (status !== 201) return;
  tally.accepted += 1;
  const id: string = JSON.parse(body.toString()).results[0].image.id;
  const [operation, params] = OPERATIONS[index % OPERATIONS.length] as (typeof OPERATIONS)[number];
  await tally.send(`${operation} of ${name}`, `${url}/images/${id}/${operation}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(params),
  });
}

async function sendLog({ url }: BenchServer, tally: Tally, index: number, file: File): Promise<void> {
  const name = `log ${index} (${file.kind})`;
  const init = { method: 'POST', body: formOf('file', file.bytes) };
  const onError = index % 2 === 0 ? 'skip' : 'fail';
  const upload = `${url}/upload?force=true&on_error=${onError}`;
  const { status, body } = await tally.send(`the upload of ${name}`, upload, init);
  if (status !== 201) return;
  tally.accepted += 1;
  const id: string = JSON.parse(body.toString()).id;
  const shown = index % 4 < 2 ? 'frames' : 'frames/picture';
  await tally.send(`${shown} of ${name}`, `${url}/${shown}?frame_set_id=${id}`);
}

/** Sends all files, 4 at once. */
async function sendAll(
  files: AsyncIterable<File> | Iterable<File>,
  send: (index: number, file: File) => Promise<void>,
): Promise<void> {
  const iterator = (async function* () {
    let index = 0;
    for await (const file of files) {
      yield { index, file };
      index += 1;
    }
  })();
  const client = async () => {
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
      await send(next.value.index, next.value.file);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, client));
}

async function sendQuarter(server: BenchServer, seed: number, tally: Tally): Promise<void> {
  await sendAll(hostilePictures(seed, PICTURES), (index, file) => sendPicture(server, tally, index, file));
  await sendAll(hostileLogs(seed, LOGS), (index, file) => sendLog(server, tally, index, file));
}

async function memoryAfter(ms: number, server: BenchServer): Promise<Memory> {
  await sleep(ms);
  return server.memory();
}

const megabytes = (bytes: number): number => Math.round(bytes / 100_000) / 10;

/**
 * Uploads 2,000 hostile pictures and image logs, 4 at once, and does one operation with each that is accepted. The figures are
 * the slowest request, and the memory of the idle API and image processes before and after. The API's code is compiled in the
 * first quarters, so it is compared with what it took then. Caches are off, because they are meant to grow. `SOAK_SEED` chooses
 * other files.
 */
export const soak: Soak = () =>
  onStage(async (stage) => {
    const seed = Number(process.env.SOAK_SEED ?? 1);
    const server = await stage.startServer({
      MEMORY_CACHE_BYTES: '0',
      DISK_CACHE_BYTES: '0',
      IMAGE_CONCURRENCY: String(IMAGE_PROCESSES),
    });
    const tally = new Tally();
    const first = await memoryAfter(PAUSE_MS, server);
    const looks: Memory[] = [];
    const start = performance.now();
    for (let quarter = 1; quarter <= QUARTERS; quarter += 1) {
      await sendQuarter(server, seed + quarter - 1, tally);
      const memory = await memoryAfter(quarter === QUARTERS ? IDLE_MS : PAUSE_MS, server);
      looks.push(memory);
      console.log(
        `${quarter * (PICTURES + LOGS)} files after ${Math.round((performance.now() - start) / 1000)} s, ` +
          `${tally.accepted} of them accepted; answers ${JSON.stringify(tally.statuses)}; slowest ${tally.slowestMs} ms; ` +
          `API ${megabytes(memory.api)} MB, image processes ${megabytes(memory.images)} MB`,
      );
    }
    const { slowestMs, accepted, failures } = tally;
    const last = looks.at(-1) as Memory;
    const apiBefore = Math.max(...looks.slice(0, -1).map(({ api }) => api));
    if (last.api > apiBefore * MAX_GROWTH)
      failures.push(`The API grew by more than a factor of ${MAX_GROWTH}.`);
    if (last.images > first.images * MAX_GROWTH)
      failures.push(`The image processes grew by more than a factor of ${MAX_GROWTH}.`);
    return {
      figures: {
        accepted,
        slowest_ms: slowestMs,
        api_before_mb: megabytes(apiBefore),
        api_end_mb: megabytes(last.api),
        images_before_mb: megabytes(first.images),
        images_end_mb: megabytes(last.images),
      },
      failures,
    };
  });
