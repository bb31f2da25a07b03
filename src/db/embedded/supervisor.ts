import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { clusterPaths } from './cluster.ts';
import { type EmbeddedServer, type EmbeddedServerOptions, openEmbeddedServer } from './embedded-server.ts';
import { isPostmasterOf } from './postmaster.ts';

const CHECK_INTERVAL_MS = 250;
/** Delay between attempts to start the server again, doubled each time. */
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 2_000;
/** After this time without success, an operator has to act. */
const LOST_AFTER_MS = 60_000;
/** Every so many failed attempts are logged after the first: about one a minute. */
const LOG_EVERY = 30;

export interface SupervisorLogger {
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
}

/** An embedded server that is started again whenever it ends. */
export interface SupervisedServer {
  url: string;
  /** Whether it has ended and could not be started again for more than a minute. */
  isLost(): boolean;
  /** Ends the supervision, and stops the server unless another process uses it. */
  close(): Promise<void>;
}

/**
 * Runs PostgreSQL as `openEmbeddedServer` does and starts it again on the same address if it ends: because it was killed or stopped,
 * or because its disk was full. Attempts go on for ever. A server that is there but does not answer is left alone.
 *
 * @throws EmbeddedServerError if it cannot run now
 */
export async function openSupervisedServer(
  options: EmbeddedServerOptions,
  log: SupervisorLogger,
): Promise<SupervisedServer> {
  const { data } = clusterPaths(path.resolve(options.dataDir));
  let server = await openEmbeddedServer(options);
  const { url } = server;
  const closing = new AbortController();
  const { signal } = closing;
  let isLost = false;

  /** Tries until the server runs or the supervision ends. */
  const reopen = async (): Promise<EmbeddedServer | undefined> => {
    const start = performance.now();
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        return await openEmbeddedServer({ ...options, port: portOf(url) });
      } catch (error) {
        if (attempt % LOG_EVERY === 0)
          log.warn({ err: error }, 'the embedded PostgreSQL cannot be started again yet');
        isLost = performance.now() - start > LOST_AFTER_MS;
      }
      const delay = Math.min(FIRST_DELAY_MS * 2 ** attempt, MAX_DELAY_MS);
      await sleep(delay, undefined, { signal }).catch(() => undefined);
    }
    return undefined;
  };

  const supervise = async () => {
    while (!signal.aborted) {
      await sleep(CHECK_INTERVAL_MS, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted || (await isPostmasterOf(server.pid, data))) continue;
      log.warn({ pid: server.pid }, 'the embedded PostgreSQL has ended; starting it again');
      const next = await reopen();
      if (next === undefined) return;
      // The new one is used by now, so that closing the old one does not stop it.
      await server.close();
      server = next;
      isLost = false;
      log.info({ pid: server.pid }, 'the embedded PostgreSQL is running again');
    }
  };
  const supervision = supervise().catch((error: unknown) => {
    isLost = true;
    log.warn({ err: error }, 'the embedded PostgreSQL is no longer supervised');
  });

  return {
    url,
    isLost: () => isLost,
    async close() {
      closing.abort();
      await supervision;
      await server.close();
    },
  };
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}
