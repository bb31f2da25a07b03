import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { createApp } from './app.ts';
import { checkFirstAdmin } from './auth/accounts/check-first-admin.ts';
import { checkSecrets } from './auth/tokens/check-secrets.ts';
import { type Config, loadConfig } from './config.ts';
import { createLogger } from './core/log.ts';
import { ConfigError } from './core/settings.ts';
import { normalizeDatabaseUrl } from './db/database-url.ts';
import { checkExposure, findExposure } from './http/access/exposure.ts';
import { checkPublicUrl } from './http/access/public-url.ts';
import { checkTrustedProxies } from './http/access/trusted-proxies.ts';
import { readyLine, readyText, setupLine } from './ready-texts.ts';
import { openServices } from './services.ts';
import { runUntilStopped } from './system/run-until-stopped.ts';
import { explainStart } from './system/start-errors.ts';

/** @returns a function that stops the service */
async function start(config: Config, log: Logger): Promise<() => Promise<void>> {
  const services = await openServices(config, log);
  try {
    const app = await createApp(config, services);
    await listen(app, config, services.auth.setupToken, process.stdout);
    return async () => {
      services.jobs.stop();
      await app.close();
      await services.close();
    };
  } catch (error) {
    await services.close().catch(() => undefined);
    throw error;
  }
}

/**
 * Listens, and says where and who may come: in a few lines on a terminal, otherwise in the log.
 *
 * @param setupToken if there is no administrator yet. Nothing else prints it.
 */
async function listen(
  app: FastifyInstance,
  config: Config,
  setupToken: string | undefined,
  output: NodeJS.WriteStream,
): Promise<void> {
  const { level } = app.log;
  // Fastify always logs the address.
  if (output.isTTY) app.log.level = 'silent';
  const address = await app.listen({
    host: config.HOST,
    port: config.PORT,
    listenTextResolver: (address) => readyLine(config, address),
  });
  app.log.level = level;
  if (output.isTTY) output.write(readyText(config, address, setupToken));
  else if (setupToken !== undefined) app.log.warn({ setup_token: setupToken }, setupLine(config, address));
}

/** @throws ConfigError if workers would get tokens that the next process, or this one after a restart, does not accept */
function checkQueue({ QUEUE_URL, SECRET }: Config): void {
  if (QUEUE_URL !== undefined && SECRET === undefined)
    throw new ConfigError(
      'QUEUE_URL is set, but SECRET is not. It signs the tokens of workers. Make one with `openssl rand -base64 32`.',
    );
}

/** @throws ConfigError if DATABASE_URL is not a PostgreSQL URL */
function checkDatabaseUrl({ DATABASE_URL }: Config): void {
  try {
    if (DATABASE_URL !== undefined) normalizeDatabaseUrl(DATABASE_URL);
  } catch (error) {
    throw new ConfigError(`DATABASE_URL: ${error instanceof Error ? error.message : error}.`);
  }
}

/**
 * Refuses settings that are unsafe, contradict each other or cannot work, before anything is opened.
 *
 * @throws ConfigError, or another error for operators
 */
async function checkConfig(config: Config): Promise<void> {
  checkPublicUrl(config);
  checkTrustedProxies(config);
  checkExposure(config);
  checkSecrets(config, findExposure(config));
  await checkFirstAdmin(config);
  checkQueue(config);
  checkDatabaseUrl(config);
}

async function main(): Promise<void> {
  const config = loadConfig();
  await checkConfig(config);
  const log = createLogger(config.LOG_LEVEL);

  await runUntilStopped({
    start: () => start(config, log),
    log,
    graceMs: config.SHUTDOWN_GRACE_MS,
    running: 'requests',
  });
}

try {
  await main();
} catch (error) {
  process.stderr.write(`Coreframe cannot start. ${explainStart(error)}\n`);
  process.exitCode = 1;
}
