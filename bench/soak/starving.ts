import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { logText } from '../support/image-log.ts';
import { preparePhoto, uploadPhoto } from '../support/photo.ts';
import type { BenchServer } from '../support/server.ts';
import { onStage } from '../support/stage.ts';
import type { Soak } from '../support/types.ts';

const GREEDY = '127.0.0.2';
const MODEST = '127.0.0.3';
const EXPENSIVE = 200;
const ROUNDS = 8;
/** Between the requests of the modest client. */
const PAUSE_MS = 300;

interface Answer {
  status: number;
  ms: number;
}

/** Sends a request from an address of the loopback network. */
function send(
  { port }: BenchServer,
  localAddress: string,
  path: string,
  body: Buffer,
  type: string,
  signal?: AbortSignal,
): Promise<Answer> {
  const start = performance.now();
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': type, 'content-length': body.length };
    const options = { port, host: '127.0.0.1', localAddress, path, method: 'POST', headers, signal };
    const sending = request({ ...options, agent: new Agent() }, (response) => {
      response.resume();
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, ms: performance.now() - start }),
      );
      response.once('error', reject);
    });
    sending.once('error', reject);
    sending.end(body);
  });
}

function form(field: string, filename: string, bytes: Buffer): [body: Buffer, type: string] {
  const head = `--b\r\nContent-Disposition: form-data; name="${field}"; filename="${filename}"\r\n\r\n`;
  return [
    Buffer.concat([Buffer.from(head), bytes, Buffer.from('\r\n--b--\r\n')]),
    'multipart/form-data; boundary=b',
  ];
}

const json = (value: object): [body: Buffer, type: string] => [
  Buffer.from(JSON.stringify(value)),
  'application/json',
];

/** A small resize, an upload of a small picture, and one of a short image log, from an address. */
async function modestRequests(server: BenchServer, id: string, from: string, width: number) {
  const raw = { width: 100, height: 100, channels: 3 as const };
  const picture = await sharp(randomBytes(30_000), { raw }).png().toBuffer();
  const log = Buffer.from([...logText(1_000)].join(''));
  return {
    resize: await send(server, from, `/images/${id}/resize`, ...json({ width })),
    upload: await send(server, from, '/images', ...form('files', 'noise.png', picture)),
    log: await send(server, from, '/upload?force=true', ...form('file', 'log.csv', log)),
  };
}

type Kind = keyof Awaited<ReturnType<typeof modestRequests>>;

/**
 * One address sends 200 of the most expensive requests at once (AVIF of 6 megapixels), while another sends small ones, one after
 * the other. Each small request may take longer than alone by the time of one expensive one.
 */
export const soak: Soak = () =>
  onStage(async (stage) => {
    const server = await stage.startServer();
    const { id } = await uploadPhoto(server.url, await preparePhoto(stage.folder));
    const expensive = (index: number, signal?: AbortSignal) =>
      send(
        server,
        GREEDY,
        `/images/${id}/transform`,
        ...json({ operations: [{ op: 'resize', width: 2700 - index }], output: { format: 'avif' } }),
        signal,
      );
    const operations = await Promise.all([expensive(0), expensive(1)]);
    const operationMs = Math.max(...operations.map(({ ms }) => ms));

    const alone = { resize: 0, upload: 0, log: 0 };
    for (let round = 0; round < 3; round += 1) {
      const answers = await modestRequests(server, id, MODEST, 100 + round);
      for (const kind of Object.keys(alone) as Kind[]) alone[kind] = Math.max(alone[kind], answers[kind].ms);
    }

    const end = new AbortController();
    const refused = { count: 0 };
    const greedy = Array.from({ length: EXPENSIVE }, (_, index) =>
      expensive(index + 2, end.signal).then(
        ({ status }) => {
          if (status === 503) refused.count += 1;
        },
        () => undefined,
      ),
    );
    await sleep(1_000);
    const longest = { resize: 0, upload: 0, log: 0 };
    const statuses = new Set<number>();
    for (let round = 0; round < ROUNDS; round += 1) {
      const answers = await modestRequests(server, id, MODEST, 200 + round);
      for (const kind of Object.keys(longest) as Kind[]) {
        longest[kind] = Math.max(longest[kind], answers[kind].ms);
        statuses.add(answers[kind].status);
      }
      await sleep(PAUSE_MS);
    }
    const ready = (await fetch(`${server.url}/health/ready`)).status;
    end.abort();
    await Promise.all(greedy);

    const failures: string[] = [];
    console.log(
      `one expensive operation ${Math.round(operationMs)} ms; ${refused.count} of ${EXPENSIVE} refused`,
    );
    for (const kind of Object.keys(longest) as Kind[]) {
      const [least, most] = [Math.round(alone[kind]), Math.round(longest[kind])];
      console.log(`${kind}: ${least} ms alone, ${most} ms at most beside ${EXPENSIVE} expensive operations`);
      if (most > least + operationMs) failures.push(`${kind} took ${most} ms.`);
    }
    if ([...statuses].some((status) => status >= 400)) failures.push(`Statuses ${[...statuses].join(', ')}.`);
    if (ready !== 200) failures.push(`/health/ready said ${ready}.`);
    return {
      figures: Object.fromEntries([
        ['operation_ms', Math.round(operationMs)],
        ...(Object.keys(longest) as Kind[]).map((kind) => [`${kind}_ms`, Math.round(longest[kind])]),
      ]),
      failures,
    };
  });
