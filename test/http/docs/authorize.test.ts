import type { Browser, Locator, Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { createTestApp, type TestApp } from '../../support/app.ts';
import { NO_BROWSER, openBrowser } from '../../support/browser.ts';
import { ADMIN, logIn, makeApiKey, REQUIRED_AUTHENTICATION } from '../../support/credentials.ts';

let served: TestApp;
let origin: string;
let browser: Browser;
let apiKey: string;

t.before(async () => {
  if (NO_BROWSER) return;
  served = await createTestApp(t, REQUIRED_AUTHENTICATION);
  origin = await served.app.listen({ host: '127.0.0.1', port: 0 });
  browser = await openBrowser(t);
  apiKey = await makeApiKey(origin, { name: 'pages', preset: 'read_write' });
});

/** Opens `/docs`. At the end of the test, no script may have failed. Answers of 401 and 403 are a part of these tests. */
async function openDocs(t: Test, options: Parameters<Browser['newPage']>[0] = {}): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1300, height: 1000 }, ...options });
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    const isRefusal = /status of 40[13]/.test(message.text());
    if (message.type() === 'error' && !isRefusal) complaints.push(message.text());
  });
  await page.goto(`${origin}/docs`);
  await page.locator('.opblock').first().waitFor();
  t.teardown(async () => {
    await page.close();
    if (complaints.length > 0) throw new Error(`The page complains:\n${complaints.join('\n')}`);
  });
  return page;
}

const dialogOf = (page: Page) => page.locator('.dialog-ux .modal-ux');

async function openDialog(page: Page): Promise<Locator> {
  await page.locator('.auth-wrapper .btn.authorize').first().click();
  await dialogOf(page).waitFor();
  return dialogOf(page);
}

const closeDialog = (page: Page) => dialogOf(page).locator('.close-modal').click();

/** The part of the dialog for one way to authenticate. */
const partOf = (page: Page, field: string) =>
  dialogOf(page)
    .locator('.auth-container')
    .filter({ has: page.locator(field) });

async function enterPassword(page: Page, password: string): Promise<Locator> {
  const dialog = await openDialog(page);
  await dialog.locator('#oauth_username').fill(ADMIN.email);
  await dialog.locator('#oauth_password').fill(password);
  const part = partOf(page, '#oauth_password');
  await part.locator('button.authorize').click();
  return dialog;
}

async function authorizeByPassword(page: Page): Promise<void> {
  const dialog = await enterPassword(page, ADMIN.password);
  await dialog.getByText('Logout', { exact: true }).waitFor();
  await closeDialog(page);
}

async function authorizeByKey(page: Page, key: string): Promise<void> {
  const dialog = await openDialog(page);
  await dialog.locator('#api_key_value').fill(key);
  await partOf(page, '#api_key_value').locator('button.authorize').click();
  await dialog.getByText('Logout', { exact: true }).waitFor();
  await closeDialog(page);
}

async function expand(page: Page, operationId: string): Promise<Locator> {
  const operation = page.locator(`.opblock[id$="-${operationId}"]`);
  await operation.locator('.opblock-summary-control').click();
  await operation.locator('.execute').waitFor();
  if (operationId.startsWith('upload')) await operation.getByText(/^ To be sent: .*\.(jpg|csv)\.$/).waitFor();
  return operation;
}

async function execute(page: Page, operation: Locator, pathname: string): Promise<number> {
  const arrived = page.waitForResponse((answer) => new URL(answer.url()).pathname === pathname);
  await operation.locator('.execute').click();
  const status = (await arrived).status();
  await operation
    .locator('.live-responses-table .response-col_status', { hasText: String(status) })
    .waitFor();
  return status;
}

/** What a page keeps in the browser, besides the theme. */
const keptIn = (page: Page) =>
  page.evaluate('JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])');

t.test('without a credential, an operation says what to do', { skip: NO_BROWSER }, async (t) => {
  const page = await openDocs(t);
  t.ok(await page.locator('.first-steps .authorize').isVisible(), 'the first steps mention it');
  const upload = await expand(page, 'uploadImages');
  t.equal(await execute(page, upload, '/images'), 401);
  await upload.locator('.advice', { hasText: 'Press Authorize' }).waitFor();
});

t.test('a wrong password is refused, and the right one uploads', { skip: NO_BROWSER }, async (t) => {
  const page = await openDocs(t);
  const dialog = await enterPassword(page, 'this-is-not-the-password');
  await dialog.locator('.errors', { hasText: 'the password is wrong' }).waitFor();
  await closeDialog(page);
  await authorizeByPassword(page);
  const upload = await expand(page, 'uploadImages');
  t.equal(await execute(page, upload, '/images'), 201);
  const resize = await expand(page, 'resizeImage');
  await resize.locator('.execute').click();
  await resize.locator('.live-responses-table .response-col_status', { hasText: '201' }).waitFor();
  t.equal(await keptIn(page), '[{},{},""]');

  await page.reload();
  await page.locator('.opblock').first().waitFor();
  const again = await expand(page, 'listImages');
  t.equal(await execute(page, again, '/images'), 401, 'nothing is remembered');
});

t.test('logging out ends the session', { skip: NO_BROWSER }, async (t) => {
  const page = await openDocs(t);
  await authorizeByPassword(page);
  const list = await expand(page, 'listSessions');
  const sent = page.waitForRequest((request) => new URL(request.url()).pathname === '/auth/sessions');
  t.equal(await execute(page, list, '/auth/sessions'), 200);
  const { authorization = '' } = (await sent).headers();
  t.match(authorization, /^Bearer ey/);
  const dialog = await openDialog(page);
  const ended = page.waitForResponse((answer) => new URL(answer.url()).pathname === '/auth/log-out');
  await dialog.getByText('Logout', { exact: true }).click();
  t.equal((await ended).status(), 204);
  await closeDialog(page);
  t.equal((await served.send('GET', '/images', undefined, { authorization })).statusCode, 401);
  t.equal(await execute(page, list, '/auth/sessions'), 401);
});

t.test('an API key uploads, and no sample of code shows it', { skip: NO_BROWSER }, async (t) => {
  const page = await openDocs(t);
  await authorizeByKey(page, apiKey);
  const upload = await expand(page, 'uploadImages');
  t.match(await execute(page, upload, '/images'), 200, 'the file is there already');
  for (const [language, placeholder] of [
    ['curl', '-H "X-API-Key: $COREFRAME_KEY"'],
    ['TypeScript', '"X-API-Key": process.env.COREFRAME_KEY'],
    ['Python', "'X-API-Key': os.environ['COREFRAME_KEY']"],
  ] as const) {
    await upload.locator('.curl-command').getByText(language, { exact: true }).click();
    const sample = await upload.locator('.curl-command code').innerText();
    t.ok(sample.includes(placeholder), sample);
  }
  t.notOk((await page.locator('#swagger-ui').innerText()).includes(apiKey));
  const users = await expand(page, 'listUsers');
  t.equal(await execute(page, users, '/users'), 403);
  await users.locator('.advice', { hasText: 'has the scope' }).waitFor();
  t.equal(await keptIn(page), '[{},{},""]');

  await authorizeByPassword(page);
  t.equal(await execute(page, users, '/users'), 200, 'the log-in takes the place of the key');
});

t.test('every operation shows what it needs', { skip: NO_BROWSER }, async (t) => {
  const page = await openDocs(t);
  const shown = (operationId: string) => page.locator(`.opblock[id$="-${operationId}"] .scope`);
  t.equal(await shown('uploadImages').textContent(), 'images:write');
  t.equal(await shown('getFrames').textContent(), 'frames:read');
  t.equal(await shown('listUsers').textContent(), 'admin');
  t.equal(await shown('getMe').textContent(), 'any credential');
  t.equal(await shown('changePassword').textContent(), 'log-in');
  t.equal(await shown('createToken').count(), 0);
  t.equal(
    await page.locator('.opblock .scope').count(),
    await page.locator('.opblock .authorization__btn').count(),
    'the rest is for everybody',
  );
});

/** Operations on accounts that need nothing but what is filled in, with their paths and statuses. */
const READY = [
  ['getMe', '/users/me', 200],
  ['updateMe', '/users/me', 200],
  ['createUser', '/users', 201],
  ['listUsers', '/users', 200],
  ['createApiKey', '/api-keys', 201],
  ['listApiKeys', '/api-keys', 200],
  ['createWorker', '/workers', 201],
  ['listWorkers', '/workers', 200],
  ['listSessions', '/auth/sessions', 200],
  ['listAuditEvents', '/audit-events', 200],
  ['logOut', '/auth/log-out', 204],
] as const;

t.test('operations on accounts work as they are filled in', { skip: NO_BROWSER }, async (t) => {
  const page = await openDocs(t);
  await authorizeByPassword(page);
  for (const [operationId, pathname, status] of READY) {
    const operation = await expand(page, operationId);
    if (operationId === 'createUser')
      t.notMatch(await operation.locator('textarea').first().inputValue(), /password/);
    t.equal(await execute(page, operation, pathname), status, operationId);
    await operation.locator('.opblock-summary-control').click();
  }
});

t.test(
  'a user is not deleted without a question, and no known password is filled in',
  { skip: NO_BROWSER },
  async (t) => {
    const page = await openDocs(t);
    await authorizeByPassword(page);
    for (const operationId of ['createToken', 'signUp', 'createFirstAdmin', 'changePassword']) {
      const operation = await expand(page, operationId);
      t.notOk((await operation.innerHTML()).includes('purple-tram-kitchen-64'), operationId);
      await operation.locator('.opblock-summary-control').click();
    }

    const get = await expand(page, 'getUser');
    await get.locator('.execute').click();
    t.equal(await get.locator('.live-responses-table').count(), 0, 'an id has to be chosen');
    const remove = await expand(page, 'deleteUser');
    await remove.getByText('Choose from the latest').click();
    await remove.getByRole('button', { name: ADMIN.email, exact: true }).first().waitFor();
    const questions: string[] = [];
    let answer = false;
    page.on('dialog', (dialog) => {
      questions.push(dialog.message());
      void (answer ? dialog.accept() : dialog.dismiss());
    });
    const users = (
      await served.send('GET', '/users', undefined, { authorization: `Bearer ${await logIn(origin)}` })
    ).json();
    const created = users.items.find(({ role }: { role: string }) => role === 'user');
    await remove.locator('tr[data-param-name=id] input').fill(created.id);
    await remove.locator('.execute').click();
    t.equal(questions.length, 1);
    t.equal(await remove.locator('.live-responses-table').count(), 0, 'it is not sent');
    answer = true;
    t.equal(await execute(page, remove, `/users/${created.id}`), 204);
    t.equal(questions.length, 2);
  },
);

t.test('a phone is wide enough for the dialog', { skip: NO_BROWSER }, async (t) => {
  const page = await openDocs(t, {
    viewport: { width: 390, height: 844 },
    isMobile: true,
    hasTouch: true,
    colorScheme: 'dark',
  });
  await openDialog(page);
  t.equal(await page.evaluate('document.documentElement.scrollWidth'), 390);
  const { x = 0, width = 0 } = (await dialogOf(page).boundingBox()) ?? {};
  t.ok(x >= 0 && x + width <= 390, `${x} ${width}`);
  await closeDialog(page);
  await authorizeByKey(page, apiKey);
});
