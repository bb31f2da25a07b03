import type { Logger } from 'pino';
import { createApp } from './app.ts';
import { type Config, loadConfig } from './config.ts';
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
    const data = config.DATABASE_URL
      ? 'data in the PostgreSQL of DATABASE_URL'
      : `data in ${config.DATA_DIR}`;
    await app.listen({
      host: config.HOST,
      port: config.PORT,
      listenTextResolver: (address) => {
        const url = (config.PUBLIC_URL ?? address).replace(/\/$/, '');
        return `Coreframe ${VERSION} is ready: docs at ${url}/docs, ${data}; authentication is off`;
      },
    });
    return async () => {
      await app.close();
      await services.close();
    };
  } catch (error) {
    await services.close().catch(() => undefined);
    throw error;
  }
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
  if (['ConfigError', 'EmbeddedServerError', 'MigrationError', 'AppError'].includes(error.name))
    return error.message;
  if ('syscall' in error && error.syscall === 'listen') {
    const taken = 'code' in error && error.code === 'EADDRINUSE' ? ' Another server uses this port.' : '';
    return `${error.message}.${taken} Choose another address with HOST and PORT.`;
  }
  if ('syscall' in error && 'path' in error) {
    return `${error.message}. Choose another DATA_DIR or TEMP_IMAGE_DIR.`;
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
