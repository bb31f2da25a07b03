import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import { type Database, type DatabaseOptions, openDatabase } from '../../src/db/database.ts';
import { administrate, ensureTemplate, openTestServer, type TestServer } from './database-server.ts';

/** The part of a tap test that is needed to clean up after it. */
export interface Teardown {
  teardown(work: () => Promise<unknown>): unknown;
}

export interface TestDatabase {
  name: string;
  url: string;
  /** Opens connections to it, which end with the test. */
  open(options?: Partial<Omit<DatabaseOptions, 'url'>>): Promise<Database>;
}

/** Makes a database of the current schema for one test (file) alone, which is dropped when that test ends. */
export function createTestDatabase(t: Teardown): Promise<TestDatabase> {
  return createDatabase(t, ensureTemplate);
}

/** The same without any tables. */
export function createEmptyDatabase(t: Teardown): Promise<TestDatabase> {
  return createDatabase(t, async () => 'template0');
}

async function createDatabase(
  t: Teardown,
  chooseTemplate: (server: TestServer) => Promise<string>,
): Promise<TestDatabase> {
  const server = await openTestServer();
  const name = `test_${randomBytes(8).toString('hex')}`;
  const opened: Database[] = [];
  t.teardown(async () => {
    await Promise.all(opened.map((database) => database.close()));
    await administrate(server, (client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
    await server.close();
  });
  const template = await chooseTemplate(server);
  await administrate(server, (client) => client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`));
  const url = server.urlOf(name);
  return {
    name,
    url,
    async open(options) {
      const database = await openDatabase({ url, poolSize: 5, ...options });
      opened.push(database);
      return database;
    },
  };
}

/** Until a transaction in this database waits for another one's lock. */
export async function untilBlocked(pool: Pool): Promise<void> {
  const waiting =
    "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
  while ((await pool.query(waiting)).rowCount === 0) await sleep(5);
}

/** Has every connection of a pool tell what it has counted, so that PostgreSQL's statistics are whole. */
export async function flushStatistics(pool: Pool, connections: number): Promise<void> {
  const flush = 'SELECT pg_stat_force_next_flush(), pg_sleep(0.1)';
  await Promise.all(Array.from({ length: connections }, () => pool.query(flush)));
}
