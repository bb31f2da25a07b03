import { randomUUID } from 'node:crypto';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { Database } from '../../../src/db/database.ts';
import { ChangeFeed } from '../../../src/db/row-cache/change-feed.ts';
import { KnownRows } from '../../../src/db/row-cache/known-rows.ts';
import { createTestDatabase } from '../../support/database.ts';

const [ALICE, BOB] = [randomUUID(), randomUUID()] as const;

/** A database with a table of rows that are kept, which is notified of as the migrations' tables are. */
async function openThings(t: Test) {
  const testDatabase = await createTestDatabase(t);
  const database = await testDatabase.open();
  await database.pool.query(
    'CREATE TABLE things (id uuid PRIMARY KEY, owner uuid NOT NULL, name text NOT NULL)',
  );
  await database.pool.query(
    `CREATE TRIGGER things_changed AFTER UPDATE OR DELETE ON things FOR EACH ROW EXECUTE FUNCTION notify_of_change()`,
  );
  const id = randomUUID();
  await database.pool.query('INSERT INTO things VALUES ($1, $2, $3)', [id, ALICE, 'first']);
  const rename = (name: string) =>
    database.pool.query('UPDATE things SET name = $2 WHERE id = $1', [id, name]);
  return { ...testDatabase, database, id, rename };
}

/** Keeps the rows, and counts how often they are read. `during` runs after a row was read and before it is kept. */
function keepThings(database: Database, changes = database.changes) {
  const keeper = {
    reads: 0,
    during: async () => {},
    things: new KnownRows<{ id: string; name: string }>({
      table: 'things',
      max: 10,
      changes,
      async lookUp(owner, id) {
        keeper.reads += 1;
        const { rows } = await database.pool.query(
          'SELECT id, name FROM things WHERE owner = $1 AND id = $2',
          [owner, id],
        );
        await keeper.during();
        return rows[0];
      },
    }),
  };
  return keeper;
}

/** The server's process that the feed is connected to. */
async function feedProcess(database: Database): Promise<number> {
  const { rows } = await database.pool.query<{ pid: number }>(
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'coreframe changes'",
  );
  if (rows[0] === undefined || rows.length > 1) throw new Error(`${rows.length} processes serve the feed.`);
  return rows[0].pid;
}

async function untilCurrent(changes: ChangeFeed): Promise<void> {
  while (!changes.isCurrent) await sleep(5);
}

t.test('the trigger of artifacts lists every column but the one that is only noted', async (t) => {
  const { pool } = await (await createTestDatabase(t)).open();
  const { rows } = await pool.query<{ attname: string }>(
    `SELECT a.attname FROM pg_trigger t JOIN pg_attribute a ON a.attrelid = t.tgrelid
     WHERE t.tgname = 'artifacts_changed' AND a.attnum > 0 AND NOT a.attisdropped AND a.attnum <> ALL (t.tgattr::int2[])`,
  );
  t.same(rows, [{ attname: 'last_used_at' }]);
});

t.test('a row is read once, until it changes', async (t) => {
  const { database, id, rename } = await openThings(t);
  const kept = keepThings(database);
  t.match(await kept.things.get(ALICE, id), { name: 'first' });
  await untilCurrent(database.changes);
  for (let i = 0; i < 5; i += 1) t.match(await kept.things.get(ALICE, id), { name: 'first' });
  t.equal(kept.reads, 2, 'before and after the feed could tell of changes');
  await rename('second');
  await database.changes.caughtUp();
  for (let i = 0; i < 5; i += 1) t.match(await kept.things.get(ALICE, id), { name: 'second' });
  t.equal(kept.reads, 3);
  await database.pool.query('DELETE FROM things');
  await database.changes.caughtUp();
  for (let i = 0; i < 2; i += 1) t.equal(await kept.things.get(ALICE, id), undefined);
});

t.test('a kept row is given to its owner alone', async (t) => {
  const { database, id } = await openThings(t);
  const kept = keepThings(database);
  await untilCurrent(database.changes);
  t.match(await kept.things.get(ALICE, id), { name: 'first' });
  t.equal(await kept.things.get(BOB, id), undefined);
  t.match(await kept.things.get(ALICE, id), { name: 'first' });
  t.equal(kept.reads, 2);
  await database.pool.query('UPDATE things SET owner = $1', [BOB]);
  await database.changes.caughtUp();
  t.equal(await kept.things.get(ALICE, id), undefined);
  t.match(await kept.things.get(BOB, id), { name: 'first' });
});

t.test('a row that changes while it is read is not kept', async (t) => {
  const { database, id, rename } = await openThings(t);
  const kept = keepThings(database);
  await untilCurrent(database.changes);
  kept.during = async () => {
    kept.during = async () => {};
    await rename('second');
    await database.changes.caughtUp();
  };
  t.match(await kept.things.get(ALICE, id), { name: 'first' }, 'as it was when it was read');
  t.match(await kept.things.get(ALICE, id), { name: 'second' });
});

t.test('nothing kept is used after the connection was lost, until it stands again', async (t) => {
  const { database, id, rename } = await openThings(t);
  const kept = keepThings(database);
  await untilCurrent(database.changes);
  await kept.things.get(ALICE, id);
  await database.pool.query('SELECT pg_terminate_backend($1)', [await feedProcess(database)]);
  while (database.changes.isCurrent) await sleep(1);
  await rename('unheard');
  t.match(await kept.things.get(ALICE, id), { name: 'unheard' });
  await untilCurrent(database.changes);
  await kept.things.get(ALICE, id);
  const { reads } = kept;
  t.match(await kept.things.get(ALICE, id), { name: 'unheard' });
  t.equal(kept.reads, reads, 'kept again');
});

t.test('a database that does not answer is not taken for one without changes', async (t) => {
  const { database, id } = await openThings(t);
  const kept = keepThings(database);
  await untilCurrent(database.changes);
  await kept.things.get(ALICE, id);
  const pid = await feedProcess(database);
  t.teardown(() => process.kill(pid, 'SIGCONT'));
  process.kill(pid, 'SIGSTOP');
  const start = performance.now();
  await database.changes.caughtUp();
  t.equal(database.changes.isCurrent, false);
  const ms = performance.now() - start;
  t.ok(ms > 500 && ms < 5_000, `not trusted after ${Math.round(ms)} ms`);
  const { reads } = kept;
  t.match(await kept.things.get(ALICE, id), { name: 'first' });
  t.equal(kept.reads, reads + 1);
});

t.test('a connection that is lost while it is made is made again, and not trusted', async (t) => {
  const { database, url, id } = await openThings(t);
  const { pool } = database;
  const breakFeed = async () => {
    await pool.query('SELECT pg_terminate_backend($1)', [await feedProcess(database)]);
    await sleep(50);
  };
  const moments: [name: string, notify: (send: () => Promise<unknown>) => Promise<unknown>][] = [
    ['before its notification is sent', async (send) => [await breakFeed(), await send()]],
    ['after its notification came', async (send) => [await send(), await sleep(50), await breakFeed()]],
  ];
  for (const [name, notifyFirst] of moments) {
    const messages: string[] = [];
    let notified = 0;
    const changes = new ChangeFeed({
      client: { connectionString: url },
      newSocket: () => new Socket(),
      notify(channel, payload) {
        const send = () => pool.query('SELECT pg_notify($1, $2)', [channel, payload]);
        notified += 1;
        return notified === 1 ? notifyFirst(send) : send();
      },
      logger: { warn: (_fields, message) => messages.push(message) },
    });
    const kept = keepThings(database, changes);
    let wasTrusted = false;
    while (notified < 2) {
      wasTrusted ||= changes.isCurrent;
      await sleep(5);
    }
    t.equal(wasTrusted, false, `lost ${name}`);
    await untilCurrent(changes);
    for (let i = 0; i < 3; i += 1) t.match(await kept.things.get(ALICE, id), { name: 'first' });
    t.equal(kept.reads, 1);
    t.same(messages, []);
    await changes.close();
    while ((await feedProcess(database).catch(() => 0)) !== 0) await sleep(5);
  }
});

t.test('a notification that could not be sent in time says nothing of the database', async (t) => {
  const messages: string[] = [];
  const database = await (await createTestDatabase(t)).open({
    poolSize: 1,
    logger: { info() {}, warn: (_fields, message) => messages.push(message) },
  });
  const busy = database.pool.query('SELECT pg_sleep(5.5)');
  await untilCurrent(database.changes);
  await busy;
  t.same(messages, []);
});

t.test('notifications that do not come through: every row is read each time', async (t) => {
  const { database, url, id, rename } = await openThings(t);
  const messages: string[] = [];
  // PostgreSQL notifies within a database: from another one nothing comes, as through a pooler that gives each statement another connection.
  const elsewhere = await (await createTestDatabase(t)).open();
  const changes = new ChangeFeed({
    client: { connectionString: url },
    newSocket: () => new Socket(),
    notify: (channel, payload) => elsewhere.pool.query('SELECT pg_notify($1, $2)', [channel, payload]),
    logger: { warn: (_fields, message) => messages.push(message) },
  });
  t.teardown(() => changes.close());
  const kept = keepThings(database, changes);
  for (const name of ['second', 'third', 'fourth']) {
    await rename(name);
    t.match(await kept.things.get(ALICE, id), { name });
  }
  let wasTrusted = false;
  while (messages.length === 0) {
    wasTrusted ||= changes.isCurrent;
    await sleep(10);
  }
  t.equal(wasTrusted, false);
  t.match(messages, [/does not forward notifications/]);
  t.equal(changes.isCurrent, false);
  await rename('fifth');
  t.match(await kept.things.get(ALICE, id), { name: 'fifth' });
  t.equal(kept.reads, 4);
});
