import { randomBytes, randomUUID } from 'node:crypto';
import t from 'tap';
import { KnownRows } from '../../../src/db/row-cache/known-rows.ts';
import { createTestDatabase } from '../../support/database.ts';

const OWNER = randomUUID();

t.test('a hash that pg decoded into a slab of 64 KiB kept the whole slab in memory', async (t) => {
  const { pool, changes } = await (await createTestDatabase(t)).open();
  const [id, sha256] = [randomUUID(), randomBytes(32)];
  const rows = new KnownRows<{ id: string; sha256: Buffer; size: number; document: Buffer | null }>({
    table: 'images',
    max: 10,
    changes,
    async lookUp() {
      const { rows } = await pool.query(
        'SELECT $1::uuid AS id, $2::bytea AS sha256, 5 AS size, NULL AS document',
        [id, sha256],
      );
      return rows[0];
    },
  });
  // Nothing is kept until the feed has connected.
  while (!changes.isCurrent) await new Promise((resolve) => setTimeout(resolve, 10));
  const read = await rows.get(OWNER, id);
  t.ok((read?.sha256.buffer.byteLength ?? 0) > 32, 'pg gives a part of a larger buffer');
  const known = await rows.get(OWNER, id);
  t.not(known, read);
  t.strictSame(known, { id, sha256, size: 5, document: null });
  t.equal(known?.sha256.buffer.byteLength, 32);
});
