import { existsSync } from 'node:fs';
import pg from 'pg';
import { unusableDatabase } from '../db/database.ts';
import { normalizeDatabaseUrl } from '../db/database-url.ts';
import { clusterPaths } from '../db/embedded/cluster.ts';
import { openEmbeddedServer } from '../db/embedded/embedded-server.ts';
import { BackupError } from './backup-error.ts';

/** The settings that say which database the service uses. */
export interface DatabaseSettings {
  DATABASE_URL?: string | undefined;
  DATA_DIR: string;
}

/**
 * Finds the service's database: that of DATABASE_URL, or the embedded server, which is joined if it runs and otherwise started
 * until `close`.
 *
 * @param isNew whether an embedded database may be created
 * @throws BackupError if there is no data in DATA_DIR; EmbeddedServerError if the server cannot run
 */
export async function openServer(
  { DATABASE_URL, DATA_DIR }: DatabaseSettings,
  { isNew }: { isNew: boolean },
): Promise<{ url: string; close(): Promise<void> }> {
  if (DATABASE_URL !== undefined) return { url: DATABASE_URL, close: async () => undefined };
  if (!isNew && !existsSync(clusterPaths(DATA_DIR).data)) {
    throw new BackupError(
      `There is no database in ${DATA_DIR}. Set DATA_DIR or DATABASE_URL to the same value as for the service.`,
    );
  }
  return openEmbeddedServer({ dataDir: DATA_DIR });
}

/**
 * Runs `work` on a connection of its own, without time limits: copying a large table takes longer than any request.
 *
 * @param signal closes the connection, so that a running statement ends
 * @throws BackupError if the database cannot be reached; otherwise what `work` threw
 */
export async function withClient<T>(
  url: string,
  signal: AbortSignal,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    connectionString: normalizeDatabaseUrl(url),
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    fallback_application_name: 'coreframe backup',
  });
  client.on('error', () => undefined);
  const end = () => client.end().catch(() => undefined);
  try {
    await client.connect().catch((cause: Error) => {
      throw new BackupError(unusableDatabase(client, cause), { cause });
    });
    signal.throwIfAborted();
    signal.addEventListener('abort', end);
    await client.query('SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0');
    return await work(client);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', end);
    await end();
  }
}
