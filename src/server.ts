import type { Logger } from 'pino';
import { createApp } from './app.ts';
import { type Config, loadConfig } from './config.ts';
import { createLogger } from './core/log.ts';
import { ConfigError } from './core/settings.ts';
import { normalizeDatabaseUrl } from './db/database-url.ts';
import { type EmbeddedServer, openEmbeddedServer } from './db/embedded/embedded-server.ts';
import { checkExposure } from './http/access/settings.ts';
import { VERSION } from './http/docs/openapi.ts';
import { openServices } from './services.ts';

async function start(config: Config, log: Logger): Promise<{ stop: () => Promise<void> }> {
  let embedded: EmbeddedServer | undefined;
  if (config.DATABASE_URL === undefined) embedded = await openEmbeddedServer({ dataDir: config.DATA_DIR });
  try {
    const services = await openServices(config, {
      databaseUrl: config.DATABASE_URL ?? embedded?.url ?? '',
      log,
    });
    try {
      const app = await createApp(config, services);
      const data = embedded ? `data in ${config.DATA_DIR}` : 'data in the PostgreSQL of DATABASE_URL';
      await app.listen({
        host: config.HOST,
        port: config.PORT,
        listenTextResolver: (address) => {
          const url = (config.PUBLIC_URL ?? address).replace(/\/$/, '');
          return `Coreframe ${VERSION} is ready: docs at ${url}/docs, ${data}; authentication is off`;
        },
      });
      return {
        stop: async () => {
          await app.close();
          await services.close();
          await embedded?.close();
        },
      };
    } catch (error) {
      await services.close();
      throw error;
    }
  } catch (error) {
    await embedded?.close();
    throw error;
  }
}

/** @throws ConfigError where DATABASE_URL is none */
function checkDatabaseUrl({ DATABASE_URL }: Config): void {
  try {
    if (DATABASE_URL !== undefined) normalizeDatabaseUrl(DATABASE_URL);
  } catch (error) {
    throw new ConfigError(`DATABASE_URL: ${error instanceof Error ? error.message : error}.`);
  }
}

/** What ends a start is told in one line where it is the operator's to mend; anything else with its stack. */
function explain(error: unknown): string {
  const isTheirs =
    error instanceof ConfigError ||
    (error instanceof Error && ['EmbeddedServerError', 'MigrationError', 'AppError'].includes(error.name));
  if (isTheirs) return (error as Error).message;
  if (error instanceof Error && 'syscall' in error) {
    if (error.syscall === 'listen') {
      const taken = 'code' in error && error.code === 'EADDRINUSE' ? ' Another server has this port.' : '';
      return `${error.message}.${taken} Choose another address with HOST and PORT.`;
    }
    if ('path' in error) return `${error.message}. Choose another DATA_DIR or TEMP_IMAGE_DIR.`;
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

async function main(): Promise<void> {
  let running: Awaited<ReturnType<typeof start>>;
  let config: Config;
  let log: Logger;
  try {
    config = loadConfig();
    checkExposure(config);
    checkDatabaseUrl(config);
    log = createLogger(config.LOG_LEVEL);
    running = await start(config, log);
  } catch (error) {
    process.stderr.write(`Coreframe cannot start. ${explain(error)}\n`);
    process.exitCode = 1;
    return;
  }

  let isStopping = false;
  const stop = async (reason: string, exitCode: number): Promise<void> => {
    if (isStopping) return;
    isStopping = true;
    log.info({ reason }, 'stopping: finishing what runs');
    const overdue = setTimeout(() => {
      log.warn('what runs took too long; cut off');
      process.exit(exitCode);
    }, config.SHUTDOWN_GRACE_MS);
    overdue.unref();
    try {
      await running.stop();
      log.info('stopped');
    } catch (error) {
      log.error({ err: error }, 'stopping failed');
    }
    process.exit(exitCode);
  };
  process.on('SIGTERM', () => void stop('SIGTERM', 0));
  process.on('SIGINT', () => void stop('SIGINT', 0));
  // A promise that nobody waits for has failed: the request it belonged to is over, the others go on.
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'unhandled rejection'));
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'uncaught exception');
    void stop('uncaughtException', 1);
  });
}

await main();
