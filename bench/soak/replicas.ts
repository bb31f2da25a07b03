import { createHash, randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { formOf } from '../support/form.ts';
import { logText } from '../support/image-log.ts';
import { type BenchServer, startServer } from '../support/server.ts';
import { onStage } from '../support/stage.ts';
import type { Soak } from '../support/types.ts';

const KILLS = 5;
const CLIENTS = 4;
/** From the start of a process until another one is killed. */
const BETWEEN_KILLS_MS = 4_000;
/** Time after which every process knows of a deletion by another one. */
const MAX_STALE_MS = 1_000;

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** What clients have been told. */
class Ledger {
  /** Hashes of images by id. */
  readonly images = new Map<string, string>();
  /** Hashes of derived pictures by path. */
  readonly derived = new Map<string, string>();
  readonly frameSets: string[] = [];
  readonly failures: string[] = [];
  answers = 0;
  retries = 0;
}

/** API processes on one database behind a list of addresses; one may be down. */
class Replicas {
  readonly servers: BenchServer[] = [];
  readonly ledger: Ledger;
  #turn = 0;

  constructor(ledger: Ledger) {
    this.ledger = ledger;
  }

  /** Sends a request to the next process or, if the connection fails, to the others. */
  async send(path: string, init: () => RequestInit): Promise<{ status: number; body: Buffer }> {
    this.#turn += 1;
    const turn = this.#turn;
    for (let attempt = 0; ; attempt += 1) {
      const { url } = this.servers[(turn + attempt) % this.servers.length] as BenchServer;
      try {
        const response = await fetch(`${url}${path}`, init());
        const body = Buffer.from(await response.arrayBuffer());
        this.ledger.answers += 1;
        if (response.status >= 500) this.ledger.failures.push(`${path}: ${response.status} ${body}`);
        return { status: response.status, body };
      } catch (error) {
        if (attempt === 10) throw error;
        this.ledger.retries += 1;
        await sleep(100);
      }
    }
  }
}

async function uploadImage(replicas: Replicas): Promise<string> {
  const raw = { width: 200, height: 200, channels: 3 as const };
  const bytes = await sharp(randomBytes(120_000), { raw }).png().toBuffer();
  const { body } = await replicas.send('/images', () => ({ method: 'POST', body: formOf('files', bytes) }));
  const { id } = JSON.parse(body.toString()).results[0].image;
  replicas.ledger.images.set(id, sha256(bytes));
  return id;
}

async function deriveAndRead(replicas: Replicas, id: string): Promise<void> {
  const { derived, failures } = replicas.ledger;
  const path = `/images/${id}/resize?width=50&format=png`;
  const { body } = await replicas.send(path, () => ({}));
  derived.set(path, sha256(body));
  // Probably by another process.
  const again = await replicas.send(path, () => ({}));
  if (sha256(again.body) !== derived.get(path)) failures.push(`${path} differs.`);
}

async function uploadLog(replicas: Replicas, index: number): Promise<void> {
  const text = [...logText(300)].join('').replace('9000.1,', `${8000 + index}.1,`);
  const { status, body } = await replicas.send('/upload', () => ({
    method: 'POST',
    body: formOf('file', Buffer.from(text)),
  }));
  if (status === 201) replicas.ledger.frameSets.push(JSON.parse(body.toString()).id);
}

/** Deletes an image through one process and waits until all have noticed. */
async function deleteEverywhere(replicas: Replicas, id: string): Promise<void> {
  const { images, derived, failures } = replicas.ledger;
  for (let turn = 0; turn < replicas.servers.length; turn += 1)
    await replicas.send(`/images/${id}/content`, () => ({}));
  images.delete(id);
  for (const path of derived.keys()) if (path.includes(id)) derived.delete(path);
  await replicas.send(`/images/${id}`, () => ({ method: 'DELETE' }));
  await sleep(MAX_STALE_MS);
  for (let turn = 0; turn < replicas.servers.length; turn += 1) {
    const { status } = await replicas.send(`/images/${id}/content`, () => ({}));
    if (status !== 404) failures.push(`A deleted image was answered with ${status}.`);
  }
}

async function runClient(replicas: Replicas, number: number, isOver: () => boolean): Promise<void> {
  for (let round = 0; !isOver(); round += 1) {
    const id = await uploadImage(replicas);
    await deriveAndRead(replicas, id);
    if (round % 5 === 0) await uploadLog(replicas, number * 100 + round);
    if (round % 10 === 9) await deleteEverywhere(replicas, id);
  }
}

/**
 * Two API processes use one database and one data folder, as `docker compose up --scale api=2` starts them. Clients upload, derive
 * and delete through both; one process after the other is killed and started again. Everything that was acknowledged must be there
 * afterwards, byte for byte, through each process.
 */
export const soak: Soak = () =>
  onStage(async (stage) => {
    const { url: DATABASE_URL, admin } = await stage.openDatabase();
    const ledger = new Ledger();
    const replicas = new Replicas(ledger);
    const start = () => startServer(stage.folder, { DATABASE_URL });
    replicas.servers.push(await start(), await start());
    const { failures } = ledger;
    try {
      let isOver = false;
      const clients = Array.from({ length: CLIENTS }, (_, number) =>
        runClient(replicas, number, () => isOver),
      );
      for (let kill = 0; kill < KILLS; kill += 1) {
        await sleep(BETWEEN_KILLS_MS);
        const index = kill % replicas.servers.length;
        await replicas.servers[index]?.kill();
        await sleep(500);
        replicas.servers[index] = await start();
      }
      await sleep(BETWEEN_KILLS_MS / 2);
      isOver = true;
      await Promise.all(clients);

      let lost = 0;
      for (const { url } of replicas.servers) {
        const paths = [...ledger.images].map(([id, hash]): [string, string] => [
          `/images/${id}/content`,
          hash,
        ]);
        for (const [path, hash] of [...paths, ...ledger.derived]) {
          const answer = await fetch(`${url}${path}`);
          if (sha256(new Uint8Array(await answer.arrayBuffer())) !== hash) lost += 1;
        }
        for (const id of ledger.frameSets) {
          const answer = await fetch(`${url}/frames?frame_set_id=${id}&limit=500`);
          if (((await answer.json()) as unknown[]).length !== 300) lost += 1;
        }
      }
      if (lost > 0) failures.push(`${lost} acknowledged images, results or image logs are lost.`);
      const folders = (await readdir(path.join(stage.folder, 'temp_images'), { withFileTypes: true })).filter(
        (entry) => entry.isDirectory(),
      );
      if (folders.length > replicas.servers.length)
        failures.push(`${folders.length - replicas.servers.length} folders of dead processes are left.`);
      const { rows } = await admin.query<{ locks: number }>(
        "SELECT count(*)::int AS locks FROM pg_locks WHERE locktype = 'advisory'",
      );
      if (rows[0]?.locks !== 0) failures.push(`${rows[0]?.locks} advisory locks are left.`);
      console.log(
        `${KILLS} kills, ${ledger.answers} answers, ${ledger.retries} retries; ${ledger.images.size} images, ` +
          `${ledger.derived.size} results and ${ledger.frameSets.length} image logs checked through both processes, ${lost} lost`,
      );
      return {
        figures: {
          answers: ledger.answers,
          retries: ledger.retries,
          images: ledger.images.size,
          results: ledger.derived.size,
          image_logs: ledger.frameSets.length,
          lost,
        },
        failures,
      };
    } finally {
      for (const server of replicas.servers) await server.stop().catch(() => undefined);
    }
  });
