import { setTimeout as sleep } from 'node:timers/promises';
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
/** Maximum growth of the API from the most after any quarter before to the end. */
const MAX_API_GROWTH = 1.1;
/**
 * Maximum resident memory of an idle image process, on average. malloc keeps up to 200 MB of freed memory for later, more after
 * some pictures than after others.
 */
const MAX_IMAGE_PROCESS_BYTES = 400_000_000;
/** Time after which processes have given back the memory of their last task. */
const IDLE_MS = 3_000;

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

const formOf = (field: string, bytes: Buffer): FormData => {
  const form = new FormData();
  form.append(field, new Blob([Uint8Array.from(bytes)]), 'hostile');
  return form;
};

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

async function memoryWhenIdle(server: BenchServer): Promise<Memory> {
  await sleep(IDLE_MS);
  return server.memory();
}

const megabytes = (bytes: number): number => Math.round(bytes / 100_000) / 10;

/**
 * Uploads 2,000 hostile pictures and image logs, 4 at once, and does one operation with each that is accepted. The figures are
 * the slowest request, and the memory of the idle API and image processes: the most after the first three quarters, and at the
 * end. Caches are off, because they are meant to grow. `SOAK_SEED` chooses other files.
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
    const looks: Memory[] = [];
    const start = performance.now();
    for (let quarter = 0; quarter < QUARTERS; quarter += 1) {
      await sendQuarter(server, seed + quarter, tally);
      const memory = await memoryWhenIdle(server);
      looks.push(memory);
      const { api, images } = memory;
      console.log(
        `${(quarter + 1) * (PICTURES + LOGS)} files after ${Math.round((performance.now() - start) / 1000)} s, ` +
          `${tally.accepted} of them accepted; answers ${JSON.stringify(tally.statuses)}; slowest ${tally.slowestMs} ms; ` +
          `API ${megabytes(api)} MB, image processes ${megabytes(images)} MB`,
      );
    }
    const { slowestMs, accepted, failures } = tally;
    const mostBefore = (part: 'api' | 'images') => Math.max(...looks.slice(0, -1).map((look) => look[part]));
    const atEnd = (part: 'api' | 'images') => looks.at(-1)?.[part] ?? Number.NaN;
    const figures: Record<string, number> = { accepted, slowest_ms: slowestMs };
    for (const part of ['api', 'images'] as const) {
      figures[`${part}_before_mb`] = megabytes(mostBefore(part));
      figures[`${part}_end_mb`] = megabytes(atEnd(part));
    }
    if (atEnd('api') > mostBefore('api') * MAX_API_GROWTH) {
      failures.push(`The API grew by more than a factor of ${MAX_API_GROWTH}.`);
    }
    const most = IMAGE_PROCESSES * MAX_IMAGE_PROCESS_BYTES;
    if (atEnd('images') > most) failures.push(`The image processes take more than ${megabytes(most)} MB.`);
    return { figures, failures };
  });
