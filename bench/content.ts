import type { Worker } from './support/child.ts';
import { compare } from './support/compare.ts';
import type { LoadRequest } from './support/load.ts';
import { preparePhoto, uploadPhoto } from './support/photo.ts';
import { treeCpu } from './support/processes.ts';
import type { BenchServer } from './support/server.ts';
import { type LoadClient, onStage } from './support/stage.ts';
import type { Bench, Comparison, Contestant } from './support/types.ts';

const HOT_IN_FLIGHT = [16, 64, 256];
const COLD_IN_FLIGHT = 16;
const ROUNDS = 10;
/** Distinct artifacts that are read cold: more than are in flight, so that no two requests share a read. */
const COLD_ARTIFACTS = 48;

export type FloorRequest =
  | { kind: 'listen'; base64: string }
  | { kind: 'read'; databaseUrl: string; sha256s: readonly string[]; count: number; inFlight: number };

type Floor = Worker<FloorRequest, number>;

interface Artifact {
  id: string;
  sha256: string;
  size: number;
  content_url: string;
}

/** Pictures of about 100 KB each. */
async function makeArtifacts(server: BenchServer, imageId: string, count: number): Promise<Artifact[]> {
  const artifacts: Artifact[] = [];
  for (let index = 0; index < count; index += 1) {
    const response = await fetch(`${server.url}/images/${imageId}/resize`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ width: 800 + index, quality: 86 }),
    });
    if (!response.ok) throw new Error(`No artifact was made: ${await response.text()}`);
    artifacts.push((await response.json()) as Artifact);
  }
  return artifacts;
}

/** A server over HTTP. Every answer must be 200 with all the bytes. */
function over(
  client: LoadClient,
  port: number,
  requests: readonly (LoadRequest & { size: number })[],
  inFlight: number,
  cpu: Contestant['cpu'],
): Contestant {
  return {
    async run(count) {
      const result = await client.call({ port, requests, count, inFlight });
      const expected = Array.from({ length: count }, (_, i) => requests[i % requests.length]?.size ?? 0);
      const bytes = expected.reduce((sum, size) => sum + size, 0);
      if (result.statuses[200] !== count || result.bytes !== bytes) {
        throw new Error(`Answers are incomplete: ${JSON.stringify(result)}, expected ${bytes} bytes`);
      }
      return result.seconds;
    },
    cpu,
  };
}

const contentOf = ({ content_url, size }: Artifact) => ({ method: 'GET', path: content_url, size });

async function compareHot(
  server: BenchServer,
  client: LoadClient,
  floor: Floor,
  artifact: Artifact,
): Promise<Comparison[]> {
  const bytes = Buffer.from(await (await fetch(server.url + artifact.content_url)).arrayBuffer());
  const port = await floor.call({ kind: 'listen', base64: bytes.toString('base64') });
  const comparisons: Comparison[] = [];
  for (const inFlight of HOT_IN_FLIGHT) {
    comparisons.push(
      await compare({
        name: `content_${inFlight}`,
        what: `an artifact of ${artifact.size} bytes, hot, ${inFlight} in flight; floor: a bare Fastify route that sends the same Buffer`,
        ours: over(client, server.port, [contentOf(artifact)], inFlight, server.cpu),
        floor: over(
          client,
          port,
          [{ method: 'GET', path: '/content', size: artifact.size }],
          inFlight,
          async () => ({ fastify: await floor.cpu() }),
        ),
        count: 20_000,
        rounds: ROUNDS,
        caches: server.caches,
      }),
    );
  }
  return comparisons;
}

async function compareCold(
  server: BenchServer,
  client: LoadClient,
  floor: Floor,
  artifacts: Artifact[],
): Promise<Comparison> {
  const databaseUrl = await server.databaseUrl();
  const task = { kind: 'read', databaseUrl, sha256s: artifacts.map(({ sha256 }) => sha256) } as const;
  return compare({
    name: 'content_cold',
    what: `${COLD_ARTIFACTS} artifacts of about 100 KB in turn, nothing cached outside PostgreSQL; floor: pg reading the same bytes`,
    ours: over(client, server.port, artifacts.map(contentOf), COLD_IN_FLIGHT, server.cpu),
    floor: {
      run: (count) => floor.call({ ...task, count, inFlight: COLD_IN_FLIGHT }),
      cpu: async () => ({ driver: await floor.cpu(), postgres: await treeCpu(server.postgresPid) }),
    },
    count: 960,
    rounds: ROUNDS,
    caches: server.caches,
  });
}

/** `GET /artifacts/{id}/content` of a picture, checked for its owner each time. */
export const bench: Bench = () =>
  onStage(async (stage) => {
    const file = await preparePhoto(stage.folder);
    const client = await stage.startLoadClient();
    const floor: Floor = await stage.startWorker(new URL('content.floor.ts', import.meta.url));
    const maker = await stage.startServer();
    const { id } = await uploadPhoto(maker.url, file);
    const artifacts = await makeArtifacts(maker, id, COLD_ARTIFACTS);
    await maker.stop();
    const [artifact] = artifacts;
    if (!artifact) throw new Error('No artifact was made.');
    const hotServer = await stage.startServer();
    const hot = await compareHot(hotServer, client, floor, artifact);
    await hotServer.stop();
    const coldServer = await stage.startServer({ DISK_CACHE_BYTES: '0', MEMORY_CACHE_BYTES: '0' });
    return [...hot, await compareCold(coldServer, client, floor, artifacts)];
  });
