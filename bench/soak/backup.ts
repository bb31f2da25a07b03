import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import sharp from 'sharp';
import { onStage } from '../support/stage.ts';
import type { Soak } from '../support/types.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** PNG of noise of about 1.2 MB, and of about 20 kB. */
const LARGE = 400;
const SMALL = 4_000;
const LOG_ROWS = 500_000;

/** Noise that differs in its last bytes only: PNG ignores what follows its end. */
async function uploadPictures(url: string, side: number, count: number): Promise<void> {
  const picture = await sharp(randomBytes(side * side * 3), {
    raw: { width: side, height: side, channels: 3 },
  })
    .png()
    .toBuffer();
  for (let sent = 0; sent < count; sent += 20) {
    const form = new FormData();
    for (let index = 0; index < 20; index += 1) {
      form.append('files', new Blob([new Uint8Array(picture), new Uint8Array(randomBytes(16))]), 'noise.png');
    }
    const response = await fetch(`${url}/images`, { method: 'POST', body: form });
    if (!response.ok) throw new Error(await response.text());
    await response.arrayBuffer();
  }
}

async function uploadLog(url: string): Promise<void> {
  const cells = Array.from({ length: 200 }, (_, column) => (column * 37) % 256).join(',');
  const header = `depth,${Array.from({ length: 200 }, (_, column) => `col${column + 1}`).join(',')}\n`;
  const rows = Array.from({ length: LOG_ROWS }, (_, row) => `${1000 + row / 10},${cells}\n`);
  const form = new FormData();
  form.append('file', new Blob([header, ...rows]), 'log.csv');
  const response = await fetch(`${url}/upload`, { method: 'POST', body: form });
  if (!response.ok) throw new Error(await response.text());
}

/** Runs a command and gives its seconds and the peak of its resident memory in MB. */
async function run(args: readonly string[], env: NodeJS.ProcessEnv) {
  const began = performance.now();
  // Unlike getrusage, this does not count the memory of the process that started it.
  const report = `import { readFileSync } from 'node:fs';
    process.on('exit', () => console.log(/VmHWM.*/.exec(readFileSync('/proc/self/status', 'utf8'))[0]));`;
  const child = spawn(
    process.execPath,
    ['--import', `data:text/javascript,${encodeURIComponent(report)}`, 'src/backup-command.ts', ...args],
    {
      cwd: ROOT,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, TMPDIR: process.env.TMPDIR, ...env },
    },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  const [status] = await once(child, 'close');
  const seconds = (performance.now() - began) / 1000;
  if (status !== 0) throw new Error(`${args[0]} ended with ${status}.`);
  const megabytes = Number(/VmHWM:\s+(\d+)/.exec(output)?.[1]) / 1024;
  console.log(`${output.replace(/VmHWM.*\n/, '').trim()} Peak memory: ${Math.round(megabytes)} MB.`);
  return { seconds, megabytes };
}

/** The floor: a COPY of every table to nowhere, in seconds. */
async function copyAll(databaseUrl: string): Promise<number> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  const began = performance.now();
  for (const table of ['images', 'artifacts', 'blobs', 'frame_sets', 'frames', 'blob_chunks']) {
    for await (const _piece of client.query(copyTo(`COPY ${table} TO STDOUT (FORMAT binary)`)));
    await client.query('SELECT');
  }
  await client.end();
  return (performance.now() - began) / 1000;
}

async function bytesIn(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true }))
    bytes += (await stat(path.join(folder, entry))).size;
  return bytes;
}

/** Backs up pictures and frames, once in full and once without anything new; verifies and restores them. */
export const soak: Soak = () =>
  onStage(async (stage) => {
    const server = await stage.startServer();
    await uploadPictures(server.url, 640, LARGE);
    await uploadPictures(server.url, 80, SMALL);
    await uploadLog(server.url);
    const folder = path.join(stage.folder, 'backups');
    const dataDir = { DATA_DIR: stage.folder };
    const floor = await copyAll(await server.databaseUrl());
    const full = await run(['backup', folder], dataDir);
    const megabytes = (await bytesIn(folder)) / 1e6;
    const again = await run(['backup', folder, '--keep', '1'], dataDir);
    const quick = await run(['verify', folder, '--quick'], dataDir);
    const verify = await run(['verify', folder], dataDir);
    const restored = path.join(stage.folder, 'restored');
    const restore = await run(['restore', folder], { DATA_DIR: restored });
    await rm(restored, { recursive: true, force: true });
    const peak = Math.max(...[full, again, quick, verify, restore].map((result) => result.megabytes));
    const rate = (seconds: number) => Math.round(megabytes / seconds);
    const figures = {
      megabytes: Math.round(megabytes),
      copy_mb_per_s: rate(floor),
      backup_mb_per_s: rate(full.seconds),
      next_backup_s: Number(again.seconds.toFixed(1)),
      quick_verify_mb_per_s: rate(quick.seconds),
      verify_mb_per_s: rate(verify.seconds),
      restore_mb_per_s: rate(restore.seconds),
      peak_mb: Math.round(peak),
    };
    const failures: string[] = [];
    if (peak > 250) failures.push(`a command took ${Math.round(peak)} MB of memory, at most 250`);
    if (again.seconds > full.seconds) failures.push('a backup without new blobs took longer than the first');
    return { figures, failures };
  });
