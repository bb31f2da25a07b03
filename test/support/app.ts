import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import pino from 'pino';
import type { Test } from 'tap';
import { createApp } from '../../src/app.ts';
import { type Config, loadConfig } from '../../src/config.ts';
import { openServices, type Services } from '../../src/services.ts';
import { createTestDatabase } from './database.ts';
import { remakeArtifacts } from './remake.ts';

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
 * At its end, every artifact that the test has made is made again from what is stored of it.
 *
 * @param settings environment variables; with DATABASE_URL, a database that is the caller's
 * @param options `hasForeignRows`: the test writes artifacts by SQL, which no operation can make again; `logLines` gets the log
 */
export async function createTestApp(
  t: Test,
  settings: Record<string, string> = {},
  { hasForeignRows = false, logLines }: { hasForeignRows?: boolean; logLines?: string[] } = {},
): Promise<TestApp> {
  const databaseUrl = settings.DATABASE_URL ?? (await createTestDatabase(t)).url;
  const folder = await mkdtemp(path.join(tmpdir(), 'coreframe-test-'));
  const config = loadConfig({ DATA_DIR: folder, ...settings, DATABASE_URL: databaseUrl });
  const log =
    logLines === undefined
      ? pino({ level: process.env.TEST_LOG_LEVEL ?? 'silent' })
      : pino({ base: null }, { write: (line) => void logLines.push(line) });
  const services = await openServices(config, log);
  let app: FastifyInstance | undefined;
  t.teardown(async () => {
    try {
      const isOurs = settings.DATABASE_URL === undefined && !hasForeignRows;
      if (app !== undefined && isOurs) await requireSameArtifacts(services, config);
    } finally {
      await app?.close();
      await services.close();
      await rm(folder, { recursive: true, force: true });
    }
  });
  app = await createApp(config, services);
  await app.ready();
  const ready = app;
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
