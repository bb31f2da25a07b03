import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { compare } from './support/compare.ts';
import { httpContestant } from './support/http-contestant.ts';
import { writeImageLog } from './support/image-log.ts';
import type { LoadRequest } from './support/load.ts';
import { type Peer, peerPython, startImagePeer, startLogPeer } from './support/peers.ts';
import { photoCopies, preparePhoto } from './support/photo.ts';
import { treeCpu } from './support/processes.ts';
import type { BenchServer } from './support/server.ts';
import { onStage, type Stage, type TransferClient } from './support/stage.ts';
import type { Bench, Comparison, Contestant } from './support/types.ts';

const IN_FLIGHT = 8;
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 6);
const LOG_ROWS = 5_460;
/** The first depth of the image log, and the last one of its first hundred. */
const [FIRST_DEPTH, HUNDREDTH_DEPTH, LAST_DEPTH] = [9000.1, 9010, 1e6];

interface Sides {
  server: BenchServer;
  peer: Peer;
}

/** The peers use Coreframe's database server, whose CPU time counts for both. */
function peerCpu({ server, peer }: Sides): Contestant['cpu'] {
  return async () => ({ python: await peer.cpu(), postgres: await treeCpu(server.postgresPid) });
}

const json = (path: string, body: object): LoadRequest => ({
  method: 'POST',
  path,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});
const get = (path: string): LoadRequest => ({ method: 'GET', path });

/** Endless requests with a number that makes each a new one. */
function* numbered(request: (number: number) => LoadRequest): Generator<LoadRequest, never> {
  for (let number = 0; ; number += 1) yield request(number);
}

interface Pair {
  name: string;
  what: string;
  count: number;
  ours: (number: number) => LoadRequest;
  theirs: (number: number) => LoadRequest;
  /** Expected of Coreframe's answers and of the peer's. */
  statuses: readonly [number, number];
}

/** The same work by both, eight requests in flight. All of Coreframe's requests differ, so that it has no answer in its store. */
function pairs(ourId: string, theirId: string): Pair[] {
  const [ours, theirs] = [`/images/${ourId}`, `/images/${theirId}`];
  const made = [201, 201] as const;
  const shown = [200, 200] as const;
  // All different, at about the same cost.
  const size = (number: number) => ({
    width: 750 + (number % 101),
    quality: 65 + (Math.floor(number / 101) % 30),
  });
  return [
    {
      name: 'resize',
      what: 'to a width of about 800, JPEG, stored',
      count: 64,
      ours: (n) => json(`${ours}/resize`, size(n)),
      theirs: (n) => json(`${theirs}/resize`, size(n)),
      statuses: made,
    },
    {
      name: 'crop',
      what: '1200×900 pixels, JPEG of quality 80, stored',
      count: 48,
      ours: (n) => json(`${ours}/crop`, { left: n, top: 500, width: 1200, height: 900, quality: 80 }),
      theirs: (n) => json(`${theirs}/crop`, { left: n, top: 500, width: 1200, height: 900 }),
      statuses: made,
    },
    {
      name: 'convert',
      what: 'to WebP of quality 80 and less, stored',
      count: 8,
      ours: (n) => json(`${ours}/convert`, { format: 'webp', quality: 80 - (n % 60) }),
      theirs: (n) => json(`${theirs}/convert`, { format: 'webp', quality: 80 - (n % 60) }),
      statuses: made,
    },
    {
      name: 'histogram',
      what: 'colour histograms of 6 megapixels; ours are stored with statistics',
      count: 48,
      ours: (n) => get(`${ours}/histogram?percentiles=${50 + n / 10_000}`),
      theirs: () => get(`${theirs}/histogram`),
      statuses: shown,
    },
    {
      name: 'otsu_mask',
      what: 'an Otsu mask of 6 megapixels as PNG; ours are stored',
      count: 32,
      ours: (n) => get(`${ours}/segmentation/binary-mask?max_segments=${65_535 - n}`),
      theirs: () => get(`${theirs}/mask`),
      statuses: shown,
    },
  ];
}

async function sendJson<T>(url: string, body: object): Promise<T> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

async function comparePictures(stage: Stage, sides: Sides): Promise<Comparison[]> {
  const { server, peer } = sides;
  const client = await stage.startLoadClient();
  const transfer = await stage.startTransferClient();
  const photos = photoCopies(await readFile(await preparePhoto(stage.folder)));
  const file = path.join(stage.folder, 'copy.jpg');
  const upload = async (port: number): Promise<{ seconds: number; body: string }> => {
    await writeFile(file, photos.next().value);
    const answer = await transfer.call({ port, path: '/images', upload: file });
    if (answer.status !== 201) throw new Error(`The upload failed: ${answer.status} ${answer.body}`);
    return answer;
  };
  const uploads = (port: number) => async (count: number) => {
    let seconds = 0;
    for (let done = 0; done < count; done += 1) seconds += (await upload(port)).seconds;
    return seconds;
  };
  const cpu = peerCpu(sides);
  const comparisons = [
    await compare({
      name: 'peers_upload',
      what: 'uploads of a photo of 6 megapixels, one at a time; ours is decoded in full',
      ours: { run: uploads(server.port), cpu: server.cpu },
      floor: { run: uploads(peer.port), cpu },
      count: 16,
      rounds: ROUNDS,
    }),
  ];
  const { results } = JSON.parse((await upload(server.port)).body) as {
    results: { image: { id: string } }[];
  };
  const [theirImage] = JSON.parse((await upload(peer.port)).body) as { id: string }[];
  const [ourId, theirId] = [results[0]?.image.id ?? '', theirImage?.id ?? ''];
  const compareLoad = ({ name, what, count, ours, theirs, statuses }: Pair) =>
    compare({
      name: `peers_${name}`,
      what: `${what}, ${IN_FLIGHT} in flight`,
      ours: httpContestant({
        ...{ server, client, requests: numbered(ours) },
        ...{ inFlight: IN_FLIGHT, status: statuses[0] },
      }),
      floor: httpContestant({
        ...{ server: { port: peer.port, cpu }, client, requests: numbered(theirs) },
        ...{ inFlight: IN_FLIGHT, status: statuses[1] },
      }),
      count,
      // Until V8 has compiled what is used often. Of conversions there are only 60 different ones.
      warmUp: name === 'convert' ? count : count * 4,
      rounds: ROUNDS,
    });
  for (const pair of pairs(ourId, theirId)) comparisons.push(await compareLoad(pair));
  const size = { width: 1000, quality: 80 };
  const ourCopy = await sendJson<{ content_url: string }>(`${server.url}/images/${ourId}/resize`, size);
  const theirCopy = await sendJson<{ id: string }>(`${peer.url}/images/${theirId}/resize`, size);
  comparisons.push(
    await compareLoad({
      name: 'content',
      what: 'a stored JPEG of 1000 pixels’ width',
      count: 4_000,
      ours: () => get(ourCopy.content_url),
      theirs: () => get(`/derived/${theirCopy.id}`),
      statuses: [200, 200],
    }),
  );
  return comparisons;
}

/** Requests one after the other, each on a connection of its own. */
function transfers(client: TransferClient, port: number, path: string, upload?: string): Contestant['run'] {
  return async (count) => {
    let seconds = 0;
    for (let done = 0; done < count; done += 1) {
      const answer = await client.call({ port, path, ...(upload === undefined ? {} : { upload }) });
      if (answer.status !== 200 && answer.status !== 201)
        throw new Error(`${path}: ${answer.status} ${answer.body}`);
      seconds += answer.seconds;
    }
    return seconds;
  };
}

async function compareLogs(stage: Stage, sides: Sides): Promise<Comparison[]> {
  const { server, peer } = sides;
  const client = await stage.startTransferClient();
  const file = path.join(stage.folder, 'log.csv');
  await writeImageLog(file, LOG_ROWS);
  const cpu = peerCpu(sides);
  const both = (
    name: string,
    what: string,
    count: number,
    ours: readonly [path: string, upload?: string],
    theirs: readonly [path: string, upload?: string],
  ) =>
    compare({
      name: `peers_${name}`,
      what: `${what}, one at a time`,
      ours: { run: transfers(client, server.port, ...ours), cpu: server.cpu },
      floor: { run: transfers(client, peer.port, ...theirs), cpu },
      count,
      rounds: ROUNDS,
    });
  // One log on each side, as long as frames are read.
  await transfers(client, server.port, '/upload', file)(1);
  await transfers(client, peer.port, '/upload', file)(1);
  const frames = (last: number) => `/frames?depth_min=${FIRST_DEPTH}&depth_max=${last}`;
  const hundred = frames(HUNDREDTH_DEPTH);
  const all = frames(LAST_DEPTH);
  return [
    await both('frames_100', 'frames of 100 depths as JSON with PNG', 30, [hundred], [hundred]),
    await both('frames_all', `all ${LOG_ROWS} frames`, 4, [`${all}&limit=100000`], [all]),
    await both(
      'log_upload',
      `a CSV of ${LOG_ROWS} × 200`,
      2,
      ['/upload?force=true', file],
      ['/upload', file],
    ),
  ];
}

/** What people run today in Python, on the same two cores and the same PostgreSQL; the ratios are our speed over theirs. */
export const bench: Bench = async () => {
  let python: string;
  try {
    python = peerPython();
  } catch (error) {
    console.log(
      `peers: skipped, because it needs Python 3.11 with the packages of bench/peers/requirements.txt. ${error}`,
    );
    return [];
  }
  return onStage(async (stage) => {
    const server = await stage.startServer();
    const databaseUrl = await server.databaseUrl();
    const withPeer = async (
      start: typeof startImagePeer,
      work: (stage: Stage, sides: Sides) => Promise<Comparison[]>,
    ) => {
      const peer = await start(python, databaseUrl);
      try {
        return await work(stage, { server, peer });
      } finally {
        await peer.stop();
      }
    };
    return [
      ...(await withPeer(startImagePeer, comparePictures)),
      ...(await withPeer(startLogPeer, compareLogs)),
    ];
  });
};
