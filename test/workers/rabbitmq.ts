import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { Connection } from 'rabbitmq-client';
import type { Teardown } from '../support/database.ts';
import { makeReachableFolder } from '../support/folders.ts';

/** The scripts of the package itself: the ones in /usr/sbin change to another user. */
const SCRIPTS = process.env.RABBITMQ_SCRIPTS ?? '/usr/lib/rabbitmq/bin';

/** Why a test that needs RabbitMQ is to be skipped; false if it is installed. In CI its lack is a failure instead. */
export const NO_RABBITMQ: string | false =
  existsSync(path.join(SCRIPTS, 'rabbitmq-server')) || process.env.CI
    ? false
    : 'needs RabbitMQ (apt-get install rabbitmq-server, or RABBITMQ_SCRIPTS)';

/** A broker of a test's own. */
export interface Broker {
  url: string;
  /** Ends it at once, as a lack of power would. */
  kill(): Promise<void>;
  /** Starts it again. */
  start(): Promise<void>;
  /** Deletes all that it has stored. It must not be running. */
  wipe(): Promise<void>;
}

/** A start takes some ten seconds on a busy machine. */
const START_MS = 120_000;

/** A port of this machine that nobody uses at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * Starts a broker, which ends with the test.
 *
 * @param settings of the application `rabbit`, as Erlang terms
 */
export async function startBroker(t: Teardown, { settings = '' } = {}): Promise<Broker> {
  const folder = await makeReachableFolder(t);
  const [port, nodePort, namesPort] = await Promise.all([freePort(), freePort(), freePort()]);
  const data = path.join(folder, 'data');
  const file = (name: string) => path.join(folder, name);
  await writeFile(file('rabbitmq.conf'), `listeners.tcp.1 = 127.0.0.1:${port}\n`);
  await writeFile(file('advanced.config'), `[{rabbit, [${settings}]}].`);
  await writeFile(file('plugins'), '[].');
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    RABBITMQ_NODENAME: `coreframe-${port}@localhost`,
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(nodePort),
    RABBITMQ_MNESIA_BASE: data,
    RABBITMQ_LOG_BASE: file('log'),
    RABBITMQ_CONFIG_FILE: file('rabbitmq'),
    RABBITMQ_ADVANCED_CONFIG_FILE: file('advanced.config'),
    RABBITMQ_ENABLED_PLUGINS_FILE: file('plugins'),
    ERL_EPMD_PORT: String(namesPort),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    // One core, and none that waits busily.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 1:1 +sbwt none',
  };
  const url = `amqp://guest:guest@127.0.0.1:${port}`;
  let child: ChildProcess | undefined;
  const broker: Broker = {
    url,
    async start() {
      await mkdir(data, { recursive: true });
      // A group of its own, because the script starts others.
      child = spawn(path.join(SCRIPTS, 'rabbitmq-server'), {
        cwd: folder,
        env,
        stdio: 'ignore',
        detached: true,
      });
      const connection = new Connection({ url, retryLow: 200, retryHigh: 500 });
      connection.on('error', () => undefined);
      const ended = new Promise<never>((_resolve, reject) => {
        child?.once('exit', (code) => reject(new Error(`The broker has ended with ${code}.`)));
      });
      ended.catch(() => undefined);
      await Promise.race([connection.onConnect(START_MS), ended]);
      await connection.close();
    },
    async kill() {
      if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise((resolve) => child?.once('exit', resolve));
      process.kill(-child.pid, 'SIGKILL');
      await ended;
    },
    wipe: () => rm(data, { recursive: true, force: true }),
  };
  // The daemon that knows the names of nodes. If a broker has to start it, it outlives the broker.
  const names = spawn('epmd', ['-port', String(namesPort), '-address', '127.0.0.1'], { stdio: 'ignore' });
  t.teardown(async () => {
    await broker.kill();
    names.kill('SIGKILL');
  });
  await broker.start();
  return broker;
}
