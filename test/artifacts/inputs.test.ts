import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { StoredInputs } from '../../src/artifacts/inputs.ts';
import { BlobRegistry } from '../../src/blobs/postgres/blob-registry.ts';
import { PostgresBlobStore } from '../../src/blobs/postgres/postgres-blob-store.ts';
import { withTransaction } from '../../src/db/database.ts';
import type { Input } from '../../src/work/inputs.ts';
import { createTestApp } from '../support/app.ts';
import { stageBytes } from '../support/blobs.ts';

t.test('if one part of an input cannot be opened, no file of it stays in use', async (t) => {
  const { services } = await createTestApp(t);
  const { images, artifacts, diskCache, database } = services;
  const content = await stageBytes(t.testdir(), randomBytes(40_000_000));
  const registry = new BlobRegistry(new PostgresBlobStore(database.pool));
  await withTransaction(database.pool, (_, transaction) => registry.add([content], transaction));
  const missing = { sha256: randomBytes(32), size: 10 };
  const input: Input = {
    ref: { type: 'artifact', id: '0b9f1f86-6f3c-4d4e-8f0e-3a3b6c1c2d11' },
    kind: 'mask',
    format: 'png',
    filename: 'core-labels.png',
    dimensions: null,
    content,
    document: missing,
    origin: null,
  };
  const inputs = new StoredInputs(images, artifacts, diskCache, services.log);
  await t.rejects(inputs.open([input], { parts: [['content', 'document']] }));
  const lease = await diskCache.lease(content.sha256, content.size);
  lease.release();
  diskCache.forget(content.sha256);
  for (let turn = 0; turn < 50 && existsSync(lease.path); turn += 1) await sleep(20);
  t.notOk(existsSync(lease.path), 'nothing holds it');
});
