import { createHash, randomBytes } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import sharp from 'sharp';
import { processTree } from '../support/processes.ts';
import type { BenchServer } from '../support/server.ts';
import { onStage } from '../support/stage.ts';
import type { Soak } from '../support/types.ts';

const KILLS = 30;
const FILES = 12;
/** The server is killed within this time from the start of an upload. */
const WINDOW_MS = 1_500;

const CHECKS = {
  images_without_bytes: `
    SELECT count(*)::int AS n FROM images i
    WHERE i.size <> (SELECT coalesce(sum(length(c.data)), 0) FROM blob_chunks c WHERE c.sha256 = i.sha256)
       OR i.sha256 <> (SELECT sha256(string_agg(c.data, ''::bytea ORDER BY c.index)) FROM blob_chunks c WHERE c.sha256 = i.sha256)`,
  bytes_without_row: `
    SELECT count(*)::int AS n FROM blobs b
    WHERE NOT EXISTS (SELECT FROM images i WHERE i.sha256 = b.sha256)
      AND NOT EXISTS (SELECT FROM artifacts a WHERE b.sha256 IN (a.sha256, a.document_sha256))`,
  chunks_without_blob: `
    SELECT count(*)::int AS n FROM blob_chunks c WHERE NOT EXISTS (SELECT FROM blobs b WHERE b.sha256 = c.sha256)`,
} as const;

async function makePicture(): Promise<Buffer> {
  // Noise does not compress: about 1.2 MB, two chunks.
  return sharp(randomBytes(640 * 640 * 3), { raw: { width: 640, height: 640, channels: 3 } })
    .png()
    .toBuffer();
}

/** Uploads a batch; returns the hashes that were acknowledged as stored, none if no answer arrived. */
async function upload(url: string, pictures: readonly Buffer[]): Promise<string[]> {
  const form = new FormData();
  for (const [index, bytes] of pictures.entries()) {
    form.append('files', new Blob([new Uint8Array(bytes)]), `noise-${index}.png`);
  }
  try {
    const response = await fetch(`${url}/images`, { method: 'POST', body: form });
    const { results } = (await response.json()) as { results: { image?: { sha256: string } }[] };
    return results.flatMap(({ image }) => image?.sha256 ?? []);
  } catch {
    return [];
  }
}

/** Files in the temporary folders, without the empty lock files. */
async function temporaryFiles(dataDir: string): Promise<string[]> {
  const files: string[] = [];
  for (const folder of ['temp_images', 'temp_jsons', 'cache']) {
    const entries = await readdir(path.join(dataDir, folder), { recursive: true }).catch(() => []);
    for (const entry of entries) {
      const file = path.join(dataDir, folder, entry);
      const found = await stat(file).catch(() => undefined);
      if (found?.isFile() && found.size > 0) files.push(file);
    }
  }
  return files;
}

/** Kills the API in the middle of an upload and waits for its image processes to exit. */
async function killDuring(server: BenchServer, pictures: readonly Buffer[]): Promise<string[]> {
  const children = (await processTree(server.pid)).slice(1).map(({ pid }) => pid);
  const uploading = upload(server.url, pictures);
  await sleep(Math.random() * WINDOW_MS);
  await server.kill();
  const acknowledged = await uploading;
  const images = children.filter((pid) => pid !== server.postgresPid);
  for (const deadline = performance.now() + 5_000; performance.now() < deadline; await sleep(20)) {
    const living = await Promise.all(images.map(async (pid) => (await processTree(pid)).length > 0));
    if (!living.includes(true)) return acknowledged;
  }
  return acknowledged;
}

async function countAll(
  databaseUrl: string,
  acknowledged: readonly string[],
): Promise<Record<string, number>> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const counts: Record<string, number> = {};
    for (const [name, query] of Object.entries(CHECKS)) {
      counts[name] = (await client.query<{ n: number }>(query)).rows[0]?.n ?? Number.NaN;
    }
    const { rows } = await client.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM unnest($1::bytea[]) AS wanted (sha256)
       WHERE NOT EXISTS (SELECT FROM images i WHERE i.sha256 = wanted.sha256)`,
      [acknowledged.map((sha256) => `\\x${sha256}`)],
    );
    counts.acknowledged_but_lost = rows[0]?.n ?? Number.NaN;
    return counts;
  } finally {
    await client.end();
  }
}

/** Kills the API with SIGKILL at a random moment of a batch upload and starts it again, 30 times. */
export const soak: Soak = () =>
  onStage(async (stage) => {
    const pool = await Promise.all(Array.from({ length: FILES }, makePicture));
    const acknowledged: string[] = [];
    const totals: Record<string, number> = { kills: 0, temporary_files: 0 };
    let server = await stage.startServer();
    for (let kill = 1; kill <= KILLS; kill += 1) {
      // New bytes each time, so that every batch is stored: PNG ignores what follows its end.
      const pictures = pool.map((bytes) => Buffer.concat([bytes, randomBytes(16)]));
      const sent = new Set(pictures.map((bytes) => createHash('sha256').update(bytes).digest('hex')));
      acknowledged.push(...(await killDuring(server, pictures)).filter((sha256) => sent.has(sha256)));
      server = await stage.startServer();
      const left = await temporaryFiles(stage.folder);
      const counts = await countAll(await server.databaseUrl(), acknowledged);
      totals.kills = kill;
      totals.temporary_files = (totals.temporary_files ?? 0) + left.length;
      for (const [name, count] of Object.entries(counts)) totals[name] = Math.max(totals[name] ?? 0, count);
      console.log(`kill ${kill}: ${JSON.stringify({ ...counts, temporary_files: left.length })}`);
    }
    const stored = (await (await fetch(`${server.url}/images?limit=1`)).json()) as { items: unknown[] };
    const failures = Object.entries(totals)
      .filter(([name, count]) => name !== 'kills' && count > 0)
      .map(([name, count]) => `${name}: ${count}`);
    if (stored.items.length === 0) failures.push('no upload was stored');
    return { figures: { ...totals, acknowledged: acknowledged.length }, failures };
  });
