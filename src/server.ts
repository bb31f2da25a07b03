import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { createApp } from './app.ts';
import { type Config, loadConfig } from './config.ts';
import { isForOperators } from './core/errors.ts';
import { createLogger } from './core/log.ts';
import { ConfigError } from './core/settings.ts';
import { VERSION } from './core/version.ts';
import { normalizeDatabaseUrl } from './db/database-url.ts';
import { checkExposure, checkTrustedProxies } from './http/access/settings.ts';
import { openServices } from './services.ts';
import { onStopRequest } from './system/stop-requests.ts';

/** @returns a function that stops the service */
async function start(config: Config, log: Logger): Promise<() => Promise<void>> {
  const services = await openServices(config, log);
  try {
    const app = await createApp(config, services);
    await listen(app, config, process.stdout);
    return async () => {
      await app.close();
      await services.close();
    };
  } catch (error) {
    await services.close().catch(() => undefined);
    throw error;
  }
}

/** Listens, and says where: in a few lines on a terminal, otherwise in the log. */
async function listen(app: FastifyInstance, config: Config, output: NodeJS.WriteStream): Promise<void> {
  const data = config.DATABASE_URL ? 'in the PostgreSQL of DATABASE_URL' : `in ${config.DATA_DIR}`;
  const docsAt = (address: string) => `${(config.PUBLIC_URL ?? address).replace(/\/$/, '')}/docs`;
  const { level } = app.log;
  // Fastify always logs the address.
  if (output.isTTY) app.log.level = 'silent';
  const address = await app.listen({
    host: config.HOST,
    port: config.PORT,
    listenTextResolver: (address) =>
      `Coreframe ${VERSION} is ready: docs at ${docsAt(address)}, data ${data}; authentication is off`,
  });
  app.log.level = level;
  if (!output.isTTY) return;
  output.write(`
Coreframe ${VERSION} is ready.

  Docs  ${docsAt(address)}
  Data  ${data}
  Stop  Ctrl-C

Nobody has to log in. The log follows, one JSON object per line.

`);
}

/** @throws ConfigError if DATABASE_URL is not a PostgreSQL URL */
function checkDatabaseUrl({ DATABASE_URL }: Config): void {
  try {
    if (DATABASE_URL !== undefined) normalizeDatabaseUrl(DATABASE_URL);
  } catch (error) {
    throw new ConfigError(`DATABASE_URL: ${error instanceof Error ? error.message : error}.`);
  }
}

/** Why the start failed: in one line if the operator can fix it, otherwise with a stack. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (isForOperators(error)) return error.message;
  if ('syscall' in error && (error.syscall === 'listen' || error.syscall === 'getaddrinfo')) {
    const taken = 'code' in error && error.code === 'EADDRINUSE' ? ' Another server uses this port.' : '';
    return `${error.message}.${taken} Choose another address with HOST and PORT.`;
  }
  return error.stack ?? error.message;
}

async function main(): Promise<void> {
  const config = loadConfig();
  checkExposure(config);
  checkTrustedProxies(config);
  checkDatabaseUrl(config);
  const log = createLogger(config.LOG_LEVEL);

  const starting = start(config, log);
  let isStopping = false;
  const cutOff = (exitCode: number) => {
    log.warn('running requests took too long and were cut off');
    process.exit(exitCode);
  };
  const stop = async (reason: string, exitCode: number): Promise<void> => {
    if (isStopping) return;
    isStopping = true;
    log.info({ reason }, 'stopping: finishing running requests');
    setTimeout(cutOff, config.SHUTDOWN_GRACE_MS, exitCode).unref();
    const close = await starting.catch(() => undefined);
    // A start that has failed says why and ends the process.
    if (close === undefined) return;
    try {
      await close();
      log.info('stopped');
    } catch (error) {
      log.error({ err: error }, 'stopping failed');
    }
    process.exit(exitCode);
  };
  onStopRequest({ stop: (reason) => void stop(reason, 0), cutOff: () => cutOff(0) });
  // Only the request of the promise has failed, so the others go on.
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'unhandled rejection'));
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'uncaught exception');
    void stop('uncaughtException', 1);
  });
  await starting;
}

try {
  await main();
} catch (error) {
  process.stderr.write(`Coreframe cannot start. ${explain(error)}\n`);
  process.exitCode = 1;
}
