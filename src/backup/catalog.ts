import pg from 'pg';
import { createsTable, type Migration } from '../db/migrate.ts';
import { BackupError } from './backup-error.ts';

const { escapeIdentifier: quote } = pg;

/** A table of the service, as the database's catalog describes it. */
export interface Table {
  name: string;
  /** All columns that are stored, without those that are computed from others. */
  columns: string[];
  /** What to sort by, as SQL: the primary key, text by code point. */
  order: string;
  /** Columns that get their values from a sequence. */
  sequenceColumns: string[];
}

const MIGRATIONS = '_prisma_migrations';

/**
 * Tables whose rows are not copied. Chunks are files by hash, and migrations record themselves when they are applied. Sessions that were
 * ended after a backup must not come back with it, so a restored database has none. Attempts to log in are counted anew.
 */
export const NOT_COPIED: readonly string[] = ['blob_chunks', MIGRATIONS, 'sessions', 'log_in_attempts'];

const TABLES = `
  SELECT c.relname AS name,
    (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') AS columns,
    (SELECT string_agg(quote_ident(a.attname) || CASE WHEN a.attcollation = 0 THEN '' ELSE ' COLLATE "C"' END, ', '
       ORDER BY k.position)
     FROM pg_index i
       CROSS JOIN unnest(i.indkey::int2[]) WITH ORDINALITY AS k (attnum, position)
       JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
     WHERE i.indrelid = c.oid AND i.indisprimary) AS "order",
    (SELECT coalesce(array_agg(a.attname::text ORDER BY a.attnum), '{}') FROM pg_attribute a
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
       AND pg_get_serial_sequence(quote_ident(c.relname), a.attname) IS NOT NULL) AS "sequenceColumns"
  FROM pg_class c
  WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
  ORDER BY c.relname`;

/**
 * Reads from the catalog which tables there are, so that a new one cannot be forgotten.
 *
 * @param migrations that the database has
 * @returns the tables that these migrations have created, and the names of all others in the schema
 * @throws BackupError if a table has no primary key
 */
export async function readTables(
  client: pg.ClientBase,
  migrations: readonly Migration[],
): Promise<{ tables: Table[]; foreign: string[] }> {
  const { rows } = await client.query<Omit<Table, 'order'> & { order: string | null }>(TABLES);
  const isOurs = (name: string) => name === MIGRATIONS || createsTable(migrations, name);
  const tables = rows
    .filter(({ name }) => isOurs(name) && !NOT_COPIED.includes(name))
    .map(({ order, ...table }) => {
      if (order === null) throw new BackupError(`The table ${table.name} has no primary key.`);
      return { ...table, order };
    });
  return { tables, foreign: rows.map(({ name }) => name).filter((name) => !isOurs(name)) };
}

/** @throws BackupError if the schema has any table that does not belong to an extension */
export async function requireEmpty(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_class c
     WHERE c.relkind IN ('r', 'p') AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
       AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
     ORDER BY c.relname`,
  );
  if (rows.length === 0) return;
  throw new BackupError(
    `The database is not empty: it has the table ${rows[0]?.name}. Restore into a new one: set DATA_DIR to a new folder ` +
      'or move its subfolder postgres away, or set DATABASE_URL to a database without tables.',
  );
}

/** Current values of a table's sequences. */
export async function readSequences(client: pg.ClientBase, { name, sequenceColumns }: Table) {
  const states: { column: string; value: string; isCalled: boolean }[] = [];
  for (const column of sequenceColumns) {
    const { rows: found } = await client.query<{ sequence: string }>(
      'SELECT pg_get_serial_sequence(quote_ident($1), $2) AS sequence',
      [name, column],
    );
    // The name comes quoted, with its schema.
    const { rows } = await client.query<{ value: string; isCalled: boolean }>(
      `SELECT last_value AS value, is_called AS "isCalled" FROM ${found[0]?.sequence}`,
    );
    for (const state of rows) states.push({ column, ...state });
  }
  return states;
}

/** Sets a sequence to a state that `readSequences` has returned. */
export async function setSequence(
  client: pg.ClientBase,
  table: string,
  { column, value, isCalled }: { column: string; value: string; isCalled: boolean },
): Promise<void> {
  await client.query('SELECT setval(pg_get_serial_sequence(quote_ident($1), $2), $3, $4)', [
    table,
    column,
    value,
    isCalled,
  ]);
}

/**
 * Drops all foreign keys and switches triggers off, so that rows can be copied in any order and arrive as they were.
 *
 * @returns a function that creates the foreign keys again, which checks all rows, and switches the triggers on
 */
export async function suspendConstraints(client: pg.ClientBase): Promise<() => Promise<void>> {
  const { rows: keys } = await client.query<{ table: string; name: string; definition: string }>(
    `SELECT conrelid::regclass::text AS table, conname AS name, pg_get_constraintdef(oid) AS definition FROM pg_constraint
     WHERE contype = 'f' AND conparentid = 0
       AND connamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
     ORDER BY 1, 2`,
  );
  const { rows: triggers } = await client.query<{ table: string; name: string }>(
    `SELECT t.tgrelid::regclass::text AS table, t.tgname AS name FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
     WHERE NOT t.tgisinternal AND t.tgenabled = 'O' AND t.tgparentid = 0
       AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
     ORDER BY 1, 2`,
  );
  for (const { table, name } of keys)
    await client.query(`ALTER TABLE ${table} DROP CONSTRAINT ${quote(name)}`);
  for (const { table, name } of triggers)
    await client.query(`ALTER TABLE ${table} DISABLE TRIGGER ${quote(name)}`);
  return async () => {
    for (const { table, name, definition } of keys)
      await client.query(`ALTER TABLE ${table} ADD CONSTRAINT ${quote(name)} ${definition}`);
    for (const { table, name } of triggers)
      await client.query(`ALTER TABLE ${table} ENABLE TRIGGER ${quote(name)}`);
  };
}
