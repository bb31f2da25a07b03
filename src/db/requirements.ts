import type { Pool } from 'pg';
import { ConfigError } from '../core/settings.ts';
import { createsTable, type Migration } from './migrate.ts';

const OLDEST_VERSION = 15;

interface DatabaseFacts {
  version: number;
  encoding: string;
  isReadOnly: boolean;
}

/**
 * Checks that the service can work with a database.
 *
 * @throws ConfigError if the server is too old, or the database is read-only or does not store UTF-8
 */
export async function checkDatabase(pool: Pool): Promise<void> {
  const { rows } = await pool.query<DatabaseFacts>(`
    SELECT current_setting('server_version_num')::int / 10000 AS version, pg_encoding_to_char(encoding) AS encoding,
      current_setting('transaction_read_only') = 'on' AS "isReadOnly"
    FROM pg_database WHERE datname = current_database()`);
  const { version, encoding, isReadOnly } = rows[0] as DatabaseFacts;
  if (version < OLDEST_VERSION)
    throw refused(`runs PostgreSQL ${version}, but PostgreSQL ${OLDEST_VERSION} or newer is needed`);
  if (encoding !== 'UTF8')
    throw refused(`has the encoding ${encoding}; create one with ENCODING 'UTF8' TEMPLATE template0`);
  if (isReadOnly) throw refused('is read-only; connect to the primary server, as a role that may write');
}

/**
 * Checks that the role may work with the tables that migrations have created.
 *
 * @throws ConfigError that names the first table with which it may not
 */
export async function checkPrivileges(pool: Pool, migrations: readonly Migration[]): Promise<void> {
  const { rows } = await pool.query<{ name: string; role: string }>(`
    SELECT relname AS name, current_user AS role FROM pg_class
    WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace AND NOT (
      has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT') AND
      has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE'))`);
  const missing = rows.find(({ name }) => createsTable(migrations, name));
  if (missing === undefined) return;
  throw refused(
    `gives the role ${missing.role} no permission to read and write the table ${missing.name}; grant it, or use the role that owns the tables`,
  );
}

function refused(why: string): ConfigError {
  return new ConfigError(`The database of DATABASE_URL ${why}.`);
}
