import t from 'tap';
import { addImage, addJob, addKey, addPerson, createAppWithAdmin, makeLog, newPicture } from './people.ts';

t.test('a hand-over moves everything with its bytes, and the quota refuses it as a whole', async (t) => {
  const { testApp, admin } = await createAppWithAdmin(t);
  const ada = await addPerson(testApp, admin, 'ada@example.org');
  const bob = await addPerson(testApp, admin, 'bob@example.org', { storage_quota_bytes: 1 });
  const [shared, own] = [await newPicture(), await newPicture()];
  const duplicate = await addImage(ada, shared);
  const image = await addImage(ada, own);
  for (const id of [duplicate, image])
    t.equal((await ada.send('POST', `/images/${id}/resize`, { width: 20 })).statusCode, 201);
  const frameSet = (await ada.uploadLog(makeLog(20))).json().id;
  const job = await addJob(testApp, ada, image);
  t.equal((await ada.send('GET', `/images/${image}/content`)).statusCode, 200, 'it is kept in memory');
  const before = await ada.storedBytes();

  const handOver = () => admin.send('POST', `/users/${ada.id}/hand-over`, { to: bob.id });
  const refused = await handOver();
  t.equal(refused.statusCode, 413);
  t.match(refused.json(), { code: 'quota_exceeded' });
  t.equal(await ada.storedBytes(), before, 'nothing was moved or deleted');
  t.equal((await ada.send('GET', `/images/${duplicate}/content`)).statusCode, 200);

  await admin.send('PATCH', `/users/${bob.id}`, { storage_quota_bytes: null });
  await addImage(bob, shared);
  const moved = await handOver();
  t.equal(moved.statusCode, 200);
  t.same(moved.json(), { images: 1, artifacts: 2, frame_sets: 1, jobs: 1, duplicates: 1 });
  for (const path of [`/images/${image}/content`, `/frame-sets/${frameSet}`, `/jobs/${job}`]) {
    t.equal((await ada.send('GET', path)).statusCode, 404, path);
    t.equal((await bob.send('GET', path)).statusCode, 200, path);
  }
  t.equal(await ada.storedBytes(), 0);
  const { rows } = await testApp.services.database.pool.query(
    `SELECT ((SELECT sum(size) FROM images WHERE owner_id = $1) + (SELECT sum(size) FROM frame_sets WHERE owner_id = $1)
       + (SELECT sum(size + coalesce(document_size, 0)) FROM artifacts WHERE owner_id = $1 AND retention = 'kept'))::float8 AS bytes`,
    [bob.id],
  );
  t.equal(await bob.storedBytes(), rows[0].bytes);
});

t.test('a deleted user leaves nothing, but equal bytes of others stay', async (t) => {
  const { testApp, admin } = await createAppWithAdmin(t);
  const ada = await addPerson(testApp, admin, 'ada@example.org');
  const key = await addKey(testApp, ada, ['images:read']);
  const shared = await newPicture();
  const kept = await addImage(admin, shared);
  await addImage(ada, shared);
  await addJob(testApp, ada, await addImage(ada, await newPicture()));
  await ada.uploadLog(makeLog(20));
  t.equal((await admin.send('DELETE', `/users/${ada.id}`)).statusCode, 204);
  t.equal((await ada.send('GET', '/images')).statusCode, 401);
  t.equal((await key.get('/images')).statusCode, 401);
  t.equal((await admin.send('GET', `/images/${kept}/content`)).statusCode, 200);
  t.equal((await admin.send('DELETE', `/users/${ada.id}`)).statusCode, 404, 'a second deletion');
  const { rows } = await testApp.services.database.pool.query('SELECT count(*)::int AS n FROM blobs');
  t.same(rows, [{ n: 1 }]);
  t.equal((await testApp.services.database.pool.query('SELECT FROM jobs')).rowCount, 0);
  const last = await admin.send('DELETE', `/users/${admin.id}`);
  t.equal(last.statusCode, 409);
  t.match(last.json(), { code: 'last_admin' });
});

t.test('a user who is uploading is deleted when the upload has ended', async (t) => {
  const { testApp, admin } = await createAppWithAdmin(t);
  const ada = await addPerson(testApp, admin, 'ada@example.org');
  const upload = await testApp.services.database.pool.connect();
  // What an image log holds while it is received.
  await upload.query('BEGIN');
  await upload.query('SELECT FROM users WHERE id = ANY($1::uuid[]) FOR KEY SHARE', [[ada.id, admin.id]]);
  const waiting = await admin.send('DELETE', `/users/${ada.id}`);
  t.equal(waiting.statusCode, 409);
  t.match(waiting.json(), { code: 'conflict', detail: /is uploading/ });
  t.match((await admin.send('GET', `/users/${ada.id}`)).json(), { disabled: true });
  await upload.query('ROLLBACK');
  upload.release();
  t.equal((await admin.send('DELETE', `/users/${ada.id}`)).statusCode, 204);
});
