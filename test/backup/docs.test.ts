import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import t, { type Test } from 'tap';
import { writeLog } from '../frames/app.ts';
import { newPicture } from '../safety/listening.ts';
import { noise } from '../safety/operations.ts';
import { eventually, startServer } from '../safety/processes.ts';
import { multipartBody } from '../support/app.ts';
import { makeReachableFolder } from '../support/folders.ts';
import { ROOT } from './support.ts';

/** The lines of all blocks of bash in a page. */
async function commandsOf(page: string): Promise<string[]> {
  const text = await readFile(path.join(ROOT, 'docs', page), 'utf8');
  const blocks = [...text.matchAll(/```bash\n(.*?)```/gs)].map(([, block = '']) => block);
  return blocks.flatMap((block) => block.trim().split('\n'));
}

const COMMANDS = [
  'npm run backup -- /var/backups/coreframe',
  'npm run verify -- /var/backups/coreframe',
  'npm run verify -- /var/backups/coreframe --quick',
  'DATA_DIR=/var/lib/coreframe-restored npm run restore -- /var/backups/coreframe',
  'DATA_DIR=/var/lib/coreframe-restored npm start',
];

/** Runs a line in a shell, in a group of processes of its own, which is killed with the test. */
function runShell(t: Test, line: string, settings: Record<string, string>) {
  const { DATABASE_URL: _url, ...env } = process.env;
  const child = spawn('sh', ['-c', line], {
    cwd: ROOT,
    env: { ...env, ...settings },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  const ended = once(child, 'close').then(([code, signal]) => code ?? signal);
  const kill = (signal: NodeJS.Signals) => {
    try {
      process.kill(-(child.pid ?? 0), signal);
    } catch {
      // All of them have ended.
    }
  };
  t.teardown(async () => {
    kill('SIGKILL');
    await ended;
  });
  return { output: () => output, ended, kill };
}

async function send(url: string, bytes: Buffer, field: string, filename: string) {
  const { body, headers } = multipartBody([{ bytes, field, filename }]);
  const response = await fetch(url, { method: 'POST', headers, body: new Uint8Array(body) });
  return JSON.parse(await response.text());
}

/** Uploads, derives and deletes until it is stopped. */
function startLoad(url: string): { stop(): Promise<void>; count(): number } {
  let isRunning = true;
  let count = 0;
  const work = async () => {
    const mine: string[] = [];
    while (isRunning) {
      const { results } = await send(`${url}/images`, await newPicture(), 'files', 'load.png');
      mine.push(results[0].image.id);
      await fetch(`${url}/images/${mine.at(-1)}/resize?width=8`).then((response) => response.arrayBuffer());
      if (mine.length > 3) await fetch(`${url}/images/${mine.shift()}`, { method: 'DELETE' });
      count += 1;
    }
  };
  const workers = [work(), work(), work()];
  return {
    count: () => count,
    async stop() {
      isRunning = false;
      await Promise.all(workers);
    },
  };
}

const sha256 = (bytes: ArrayBuffer) => createHash('sha256').update(Buffer.from(bytes)).digest('hex');

/** All that can be read of some images and of all image logs, by path. */
async function readAll(url: string, images: readonly string[]): Promise<Map<string, string>> {
  const paths = images.flatMap((id) => [`/images/${id}`, `/images/${id}/content`, `/images/${id}/histogram`]);
  const answers = new Map<string, string>();
  for (const path of [...paths, '/frame-sets', '/frames/export']) {
    const response = await fetch(`${url}${path}`);
    answers.set(path, `${response.status} ${sha256(await response.arrayBuffer())}`);
  }
  return answers;
}

t.test(
  'the commands of the docs back up a service under load and restore it after its data is gone',
  async (t) => {
    t.same(await commandsOf('backup.md'), COMMANDS);
    for (const command of await commandsOf('upgrade.md')) t.ok(COMMANDS.includes(command), command);

    const [dataDir, restoredDir, backups] = await Promise.all([1, 2, 3].map(() => makeReachableFolder(t)));
    if (!dataDir || !restoredDir || !backups) throw new Error('There are no folders.');
    const run = (command: string) =>
      runShell(
        t,
        command
          .replaceAll('/var/backups/coreframe', backups)
          .replaceAll('/var/lib/coreframe-restored', restoredDir),
        { DATA_DIR: dataDir, PORT: '0' },
      );

    const server = await startServer(t, { DATA_DIR: dataDir });
    const url = `http://127.0.0.1:${server.port}`;
    const { results } = await send(`${url}/images`, await noise(1800, 1200), 'files', 'large.jpg');
    const kept = [results[0].image.id];
    for (let index = 0; index < 5; index += 1)
      kept.push((await send(`${url}/images`, await newPicture(), 'files', 'kept.png')).results[0].image.id);
    const deleted = kept.pop();
    await fetch(`${url}/images/${deleted}`, { method: 'DELETE' });
    await send(`${url}/upload`, Buffer.from(writeLog(500, 24)), 'file', 'well.csv');
    const before = await readAll(url, kept);
    t.notOk([...before.values()].some((answer) => !answer.startsWith('200 ')));

    const load = startLoad(url);
    let restored: { url: string; shell: ReturnType<typeof run> } | undefined;
    for (const command of COMMANDS) {
      if (command.includes('restore -- ')) {
        await load.stop();
        const pidFile = path.join(dataDir, 'postgres/data/postmaster.pid');
        const postmaster = Number((await readFile(pidFile, 'utf8')).split('\n')[0]);
        server.child.kill('SIGKILL');
        process.kill(postmaster, 'SIGKILL');
        await server.ended;
        await rm(dataDir, { recursive: true, maxRetries: 5 });
      }
      const began = load.count();
      const shell = run(command);
      if (command.endsWith('npm start')) {
        const port = () => /docs at http:\/\/[^:]+:(\d+)\/docs/.exec(shell.output())?.[1];
        t.ok(await eventually(() => port() !== undefined, 60_000), shell.output());
        restored = { url: `http://127.0.0.1:${port()}`, shell };
        break;
      }
      t.equal(await shell.ended, 0, `${command}: ${shell.output()}`);
      t.match(shell.output(), /This took [\d.]+ s\.\n$/);
      if (command === COMMANDS[0])
        t.ok(load.count() > began, `${load.count() - began} rounds of load meanwhile`);
    }

    if (!restored) throw new Error('No command has started the restored service.');
    const restoredUrl = restored.url;
    t.same(
      await readAll(restoredUrl, kept),
      before,
      'what was there before the backup is there, byte for byte',
    );
    t.equal(
      (await fetch(`${restoredUrl}/images/${deleted}`)).status,
      404,
      'what was deleted before it is not',
    );
    const listed = await (await fetch(`${restoredUrl}/images?limit=200`)).text();
    const { items } = JSON.parse(listed) as { items: { id: string; sha256: string }[] };
    t.ok(items.length >= kept.length);
    for (const { id, sha256: expected } of items) {
      const content = await (await fetch(`${restoredUrl}/images/${id}/content`)).arrayBuffer();
      t.equal(
        sha256(content),
        expected,
        'each image has its bytes, also those that were uploaded during the backup',
      );
    }
    t.match(await send(`${restoredUrl}/images`, await newPicture(), 'files', 'new.png'), { results: [{}] });
    // Its PostgreSQL ends with it.
    restored.shell.kill('SIGTERM');
    await restored.shell.ended;
  },
);
