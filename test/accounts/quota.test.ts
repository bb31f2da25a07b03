import t from 'tap';
import { addImage, addPerson, createAppWithAdmin, makeLog, newPicture } from './people.ts';

t.test('what does not fit into the quota is refused and leaves nothing', async (t) => {
  const { testApp, admin } = await createAppWithAdmin(t);
  const [small, large] = [await newPicture(20), await newPicture(400)];
  const ada = await addPerson(testApp, admin, 'ada@example.org', { storage_quota_bytes: small.length + 10 });
  const batch = await ada.upload(small, large);
  t.equal(batch.statusCode, 201);
  t.match(batch.json().results, [
    { status: 'created' },
    { status: 'failed', problem: { status: 413, code: 'quota_exceeded' } },
  ]);
  const image: string = batch.json().results[0].image.id;
  const log = await ada.uploadLog(makeLog(100));
  t.equal(log.statusCode, 413);
  t.match(log.json(), { code: 'quota_exceeded' });
  t.equal((await ada.send('POST', `/images/${image}/resize`, { width: 50 })).statusCode, 413);
  t.equal(await ada.storedBytes(), small.length);
  const { pool } = testApp.services.database;
  for (const [table, n] of Object.entries({ blobs: 1, images: 1, frame_sets: 0, frames: 0, artifacts: 0 }))
    t.same((await pool.query(`SELECT count(*)::int AS n FROM ${table}`)).rows, [{ n }], table);
  t.equal((await ada.send('GET', `/images/${image}/resize?width=50`)).statusCode, 200, 'only cached');
  t.equal(await ada.storedBytes(), small.length);
  const kept = await ada.send('POST', `/images/${image}/resize`, { width: 50 });
  t.equal(kept.statusCode, 413, 'keeping what is cached needs room');
  t.match(kept.json(), { code: 'quota_exceeded' });
  t.equal(await ada.storedBytes(), small.length);
  t.equal((await ada.upload(small)).statusCode, 200, 'what is stored already needs no room');
  await addImage(admin, small);
  t.equal(await admin.storedBytes(), small.length, 'equal bytes are counted for each');
});
