import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { FastifyInstance } from 'fastify';
import pino from 'pino';
import { createApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config.ts';
import { openServices } from '../../src/services.ts';

/** The OpenAPI document as `openapi.json` holds it. */
export function openApiFile(document: object): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** Uses the application, which runs on an empty embedded database for the moment. */
export async function withApplication<T>(use: (app: FastifyInstance) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(path.join(tmpdir(), 'coreframe-docs-'));
  // As root, the database runs as another user.
  await chmod(folder, 0o755);
  try {
    const config = loadConfig({ DATA_DIR: folder });
    const services = await openServices(config, pino({ level: 'silent' }));
    try {
      const app = await createApp(config, services);
      await app.ready();
      try {
        return await use(app);
      } finally {
        await app.close();
      }
    } finally {
      await services.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
