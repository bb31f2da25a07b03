import t from 'tap';
import { addImage, addKey, addPerson, createAppWithAdmin, logIn, newPicture } from '../accounts/people.ts';
import { createTestApp } from '../support/app.ts';
import { REQUIRED_AUTHENTICATION } from '../support/credentials.ts';
import { createEmptyDatabase } from '../support/database.ts';
import { backUpTo, makeBackupFolder, restoreTo, runCommand } from './support.ts';

t.test('a restore ends all sessions, and says that revoked keys are back', async (t) => {
  const { testApp, admin } = await createAppWithAdmin(t);
  const key = await addKey(testApp, admin, ['images:read']);
  const folder = await makeBackupFolder(t);
  await backUpTo(folder, testApp.config.DATABASE_URL ?? '');
  t.equal((await admin.send('DELETE', `/api-keys/${key.id}`)).statusCode, 204);
  t.equal((await key.get('/images')).statusCode, 401);

  const { url } = await createEmptyDatabase(t);
  const { status, stdout } = await runCommand(t, ['restore', folder.root], { DATABASE_URL: url });
  t.equal(status, 0);
  t.match(
    stdout,
    /\. Users have to log in again\. API keys, .* as they were at 2\d{3}-.*Z; .*\. This took \d/,
  );
  const { app, ...restored } = await createTestApp(t, { ...REQUIRED_AUTHENTICATION, DATABASE_URL: url });
  const authorization = `Bearer ${admin.token}`;
  t.equal((await app.inject({ url: '/images', headers: { authorization } })).statusCode, 401);
  const refresh = await app.inject({
    method: 'POST',
    url: '/auth/token',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: `grant_type=refresh_token&refresh_token=${admin.refreshToken}`,
  });
  t.equal(refresh.statusCode, 401);
  t.match(refresh.json(), { code: 'invalid_credential' });
  const keys = (await (await logIn({ app, ...restored }, admin.email)).send('GET', '/api-keys')).json();
  t.match(keys.items, [{ id: key.id }]);
});

t.test('a restore counts nothing twice and does not refuse a user over the quota', async (t) => {
  const { testApp, admin } = await createAppWithAdmin(t);
  const ada = await addPerson(testApp, admin, 'ada@example.org');
  await addImage(ada, await newPicture());
  const stored = await ada.storedBytes();
  t.equal((await admin.send('PATCH', `/users/${ada.id}`, { storage_quota_bytes: 1 })).statusCode, 200);
  const folder = await makeBackupFolder(t);
  await backUpTo(folder, testApp.config.DATABASE_URL ?? '');

  const { url } = await createEmptyDatabase(t);
  await restoreTo(folder, url);
  const restored = await createTestApp(t, { ...REQUIRED_AUTHENTICATION, DATABASE_URL: url });
  const again = await logIn(restored, ada.email);
  t.equal(await again.storedBytes(), stored);
  const refused = await again.upload(await newPicture());
  t.equal(refused.statusCode, 413, 'the triggers are on again');
  t.match(refused.json(), { code: 'quota_exceeded' });
  const root = await logIn(restored, admin.email);
  const picture = await newPicture();
  await addImage(root, picture);
  t.equal(await root.storedBytes(), picture.length);
});
