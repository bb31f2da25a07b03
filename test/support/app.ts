import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import pino, { type Logger } from 'pino';
import { type Config, loadConfig } from '../../src/config.ts';
import { LOG_REDACTION } from '../../src/core/log.ts';
import { openServices, type Services } from '../../src/services.ts';
import { createWatchedApp, type WatchedApp } from './answers/watched-app.ts';
import { createTestDatabase, type Teardown } from './database.ts';
import { IMAGE_CONCURRENCY } from './image-concurrency.ts';
import { remakeArtifacts } from './remake.ts';
import { SecretWatch } from './secrets.ts';

export interface TestApp {
  app: FastifyInstance;
  services: Services;
  config: Config;
  /** Sends files as one multipart upload. */
  upload(...files: UploadFile[]): Promise<LightMyRequestResponse>;
  /** Sends a JSON body, or none. */
  send(
    method: NonNullable<InjectOptions['method']>,
    url: string,
    body?: object,
    headers?: Record<string, string>,
  ): Promise<LightMyRequestResponse>;
}

export interface UploadFile {
  bytes: Buffer;
  filename?: string;
  field?: string;
  type?: string;
}

/**
 * The whole application, on a database and folders of its own, as `src/server.ts` composes it.
 *
 * Every answer is compared with the OpenAPI document. At the test's end, a difference fails it, and every artifact that it has made
 * is made again from what is stored of it. If it needs credentials, what it has written is searched for secrets.
 *
 * @param settings environment variables; with DATABASE_URL, a database that is the caller's
 * @param options `hasForeignRows`: the test writes artifacts by SQL, which no operation can make again; `logLines` gets the log
 */
export async function createTestApp(
  t: Teardown,
  settings: Record<string, string> = {},
  { hasForeignRows = false, logLines }: { hasForeignRows?: boolean; logLines?: string[] } = {},
): Promise<TestApp> {
  const databaseUrl = settings.DATABASE_URL ?? (await createTestDatabase(t)).url;
  const folder = await mkdtemp(path.join(tmpdir(), 'coreframe-test-'));
  const config = loadConfig({
    DATA_DIR: folder,
    IMAGE_CONCURRENCY,
    ...settings,
    DATABASE_URL: databaseUrl,
  });
  const secrets = config.AUTH_MODE === 'required' ? new SecretWatch(settings) : undefined;
  const everyLine: string[] = [];
  const log = createTestLog(logLines, secrets && everyLine);
  const services = await openServices(config, log);
  let watched: WatchedApp | undefined;
  t.teardown(async () => {
    try {
      const isOurs = settings.DATABASE_URL === undefined && !hasForeignRows;
      if (watched !== undefined && isOurs) await requireSameArtifacts(services, config);
      await secrets?.searchService(services, everyLine.join(''));
    } finally {
      await watched?.app.close();
      await services.close();
      await rm(folder, { recursive: true, force: true });
    }
    watched?.requireDocumentedAnswers();
    secrets?.requireNone();
  });
  const stopWatching = secrets?.watchNewInstances();
  const creating = createWatchedApp(config, services);
  stopWatching?.();
  watched = await creating;
  const ready = watched.app;
  await ready.ready();
  return {
    app: ready,
    services,
    config,
    upload: (...files) => {
      const { body, headers } = multipartBody(files);
      return ready.inject({ method: 'POST', url: '/images', payload: body, headers });
    },
    send: (method, url, body, headers = {}) =>
      ready.inject({ method, url, headers, ...(body === undefined ? {} : { payload: body }) }),
  };
}

/**
 * The log of an application: lines from `info` on for a test, and all of them for the search for secrets.
 *
 * @param lines for the test
 * @param everyLine for the search
 */
function createTestLog(lines: string[] | undefined, everyLine: string[] | undefined): Logger {
  const { TEST_LOG_LEVEL: level = 'silent' } = process.env;
  const streams = [
    ...(lines
      ? [{ level: 'info' as const, stream: { write: (line: string) => void lines.push(line) } }]
      : []),
    ...(everyLine
      ? [{ level: 'trace' as const, stream: { write: (line: string) => void everyLine.push(line) } }]
      : []),
  ];
  if (streams.length === 0) return pino({ level });
  const options = { base: null, level: everyLine ? 'trace' : 'info', redact: LOG_REDACTION };
  return pino(options, pino.multistream(streams));
}

/** @throws Error naming every artifact that comes out otherwise the second time */
async function requireSameArtifacts(services: Services, { CACHE_BYTES }: Config): Promise<void> {
  const { differences } = await remakeArtifacts(services, { cacheBytes: CACHE_BYTES });
  if (differences.length > 0) throw new Error(`Made again:\n${differences.join('\n')}`);
}

/** A multipart body of files, written by hand so that tests can also write wrong ones. */
export function multipartBody(
  files: readonly UploadFile[],
  boundary = 'coreframe-test-boundary',
): { body: Buffer; headers: Record<string, string> } {
  const parts = files.flatMap(
    ({ bytes, filename = 'picture', field = 'files', type = 'application/octet-stream' }) => [
      Buffer.from(
        `--${boundary}\r\ncontent-disposition: form-data; name="${field}"; filename="${filename}"\r\ncontent-type: ${type}\r\n\r\n`,
      ),
      bytes,
      Buffer.from('\r\n'),
    ],
  );
  const body = Buffer.concat([...parts, Buffer.from(`--${boundary}--\r\n`)]);
  return { body, headers: { 'content-type': `multipart/form-data; boundary=${boundary}` } };
}
