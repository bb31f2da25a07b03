import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Browser, Locator, Page } from 'playwright-core';
import sharp from 'sharp';
import t, { type Test } from 'tap';
import { eventually } from '../../safety/processes.ts';
import { createTestApp, type TestApp } from '../../support/app.ts';
import { NO_BROWSER, openBrowser } from '../../support/browser.ts';

const run = promisify(execFile);

interface UploadAnswer {
  results: { status: string; filename: string; image: { id: string; width: number } }[];
}

let served: TestApp;
let origin: string;
let browser: Browser;

t.before(async () => {
  if (NO_BROWSER) return;
  served = await createTestApp(t);
  origin = await served.app.listen({ host: '127.0.0.1', port: 0 });
  browser = await openBrowser(t);
});

/** Opens a page of the docs. At the end of the test, nothing may have failed, and nothing may have been asked elsewhere. */
async function open(
  t: Test,
  pathname: string,
  options: Parameters<Browser['newPage']>[0] = {},
): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1300, height: 1000 }, ...options });
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('requestfailed', (request) => complaints.push(`${request.url()}: ${request.failure()?.errorText}`));
  page.on('request', (request) => {
    const { protocol, origin: asked } = new URL(request.url());
    if (!['data:', 'blob:'].includes(protocol) && asked !== origin) complaints.push(`asked ${request.url()}`);
  });
  await page.goto(`${origin}${pathname}`);
  t.teardown(async () => {
    await page.close();
    if (complaints.length > 0) throw new Error(`The page complains:\n${complaints.join('\n')}`);
  });
  return page;
}

async function openDocs(t: Test, options: Parameters<Browser['newPage']>[0] = {}): Promise<Page> {
  const page = await open(t, '/docs', options);
  await page.locator('.opblock').first().waitFor();
  return page;
}

/** Opens an operation by its `operationId`, or by the id of its element. */
async function expand(page: Page, operationId: string): Promise<Locator> {
  const operation = page.locator(`.opblock[id$="-${operationId}"]`);
  await operation.locator('.opblock-summary-control').click();
  await operation.locator('.execute').waitFor();
  const chosen = operation.getByText(/^ To be sent: .*\.(jpg|csv)\.$/);
  if (operationId.startsWith('upload')) await chosen.waitFor();
  return operation;
}

/** Presses Execute; gives the status that the page shows. */
async function execute(operation: Locator): Promise<string> {
  await operation.locator('.execute').click();
  const shown = operation.locator('.live-responses-table tbody .response-col_status');
  await shown.first().waitFor();
  return ((await shown.first().textContent()) ?? '').trim().slice(0, 3);
}

const shownPicture = (operation: Locator) => operation.locator('.live-responses-table img.answer');

/** The width in pixels of the file that a picture shows; 0 if it cannot be shown. */
async function widthOf(picture: Locator): Promise<number> {
  await picture.waitFor();
  return picture.evaluate(async (element: { decode(): Promise<void>; naturalWidth: number }) => {
    await element.decode();
    return element.naturalWidth;
  });
}

/** The operations on accounts are tested where authentication is required. */
const ACCOUNT_TAGS = ['authentication', 'api keys', 'users', 'workers'];

/** Streams of events are not for Swagger UI, which shows an answer at its end, and the job that is filled in has ended, so that it can be neither cancelled nor tried again. */
const TESTED_ELSEWHERE = ['followJob', 'followJobs', 'cancelJob', 'retryJob'];

t.test('every operation works as it is filled in', { skip: NO_BROWSER }, async (t) => {
  const page = await openDocs(t);
  const document = (await served.send('GET', '/openapi.json')).json();
  const documented = Object.values(
    document.paths as Record<string, Record<string, { operationId: string; tags: string[] }>>,
  ).flatMap((methods) => Object.values(methods));
  t.equal(await page.locator('.opblock').count(), documented.length, 'every operation is on the page');
  t.equal(await page.locator('.authorize:visible, .authorization__btn').count(), 0, 'nobody has to log in');
  const all = documented
    .filter(({ tags: [tag = ''] }) => !ACCOUNT_TAGS.includes(tag))
    .map(({ operationId }) => operationId)
    .filter((operationId) => !TESTED_ELSEWHERE.includes(operationId));
  const isDeletion = (operationId: string) => operationId.startsWith('delete');
  const ordered = [...all.filter((id) => !isDeletion(id)), ...all.filter(isDeletion)];
  const statuses: Record<string, string> = {};
  const pictures: string[] = [];
  for (const operationId of ordered) {
    const operation = await expand(page, operationId);
    statuses[operationId] = await execute(operation);
    if ((await shownPicture(operation).count()) > 0) {
      t.ok((await widthOf(shownPicture(operation))) > 0, `${operationId} shows its picture`);
      pictures.push(operationId);
    }
    await operation.locator('.opblock-summary-control').click();
  }
  const failed = Object.entries(statuses).filter(([, status]) => !['200', '201', '204'].includes(status));
  t.strictSame(failed, []);
  t.equal(Object.keys(statuses).length, all.length);
  t.ok(pictures.length >= 24, `${pictures.length} answers are pictures`);
});

t.test('pictures of one’s own are uploaded and worked on', { skip: NO_BROWSER }, async (t) => {
  const folder = t.testdir();
  const files = await Promise.all(
    [300, 310].map(async (width) => {
      const file = path.join(folder, `picture-${width}.png`);
      const picture = { width, height: 200, channels: 3 as const, background: '#c8761b' };
      await writeFile(file, await sharp({ create: picture }).png().toBuffer());
      return file;
    }),
  );
  const page = await openDocs(t);
  const upload = await expand(page, 'uploadImages');
  const pickers = upload.locator('input[type=file]');
  t.equal(await pickers.count(), 1, 'there is a file picker at once');
  await upload.locator('.json-schema-form-item-add').click();
  t.equal(await pickers.count(), 2, 'another picker is added');
  for (const [index, file] of files.entries()) await pickers.nth(index).setInputFiles(file);
  await upload.getByText(' To be sent: picture-300.png, picture-310.png.').waitFor();
  const arrived = page.waitForResponse((answer) => new URL(answer.url()).pathname === '/images');
  t.equal(await execute(upload), '201');
  const { results } = (await (await arrived).json()) as UploadAnswer;
  t.match(results, [
    { status: 'created', filename: 'picture-300.png', image: { width: 300 } },
    { status: 'created', filename: 'picture-310.png', image: { width: 310 } },
  ]);

  const resize = await expand(page, 'getResizedImage');
  await resize.getByText('Choose from the latest').click();
  await resize.getByText('picture-300.png').click();
  await resize.locator('tr[data-param-name=width] input').fill('120');
  t.equal(await execute(resize), '200');
  t.equal(await widthOf(shownPicture(resize)), 120);
  t.match(await resize.locator('.request-url').textContent(), results[0]?.image.id);
});

t.test('SVG and pictures inside of JSON are shown as pictures', { skip: NO_BROWSER }, async (t) => {
  const page = await openDocs(t);
  const plot = await expand(page, 'getImageHistogramPlot');
  await plot.locator('tr[data-param-name=format] select').selectOption('svg');
  t.equal(await execute(plot), '200');
  t.equal(await widthOf(shownPicture(plot)), 800);
  const frames = await expand(page, 'getFrames');
  t.equal(await execute(frames), '200');
  t.equal(await frames.locator('.embedded img').count(), 10);
  t.equal(await widthOf(frames.locator('.embedded img').first()), 150);
});

t.test(
  'of a very long answer the beginning is shown, and all of it is downloaded',
  { skip: NO_BROWSER },
  async (t) => {
    const page = await openDocs(t);
    const operation = await expand(page, 'getImageCocoUncompressedRle');
    t.equal(await execute(operation), '200');
    const link = operation.getByText('Download all');
    const [download] = await Promise.all([page.waitForEvent('download'), link.click()]);
    const text = await readFile(await download.path(), 'utf8');
    t.match(JSON.parse(text).annotations[0].segmentation, { counts: Array });
    t.equal((await operation.locator('.cut').textContent())?.length, 50_000);
  },
);

t.test('code samples have the values of the request, and run', { skip: NO_BROWSER }, async (t) => {
  const page = await openDocs(t);
  const operation = await expand(page, 'transformImage');
  t.match(await execute(operation), /^20[01]$/);
  const samples: Record<string, string> = {};
  for (const language of ['curl', 'TypeScript', 'Python']) {
    await operation.locator('.curl-command').getByText(language, { exact: true }).click();
    samples[language] = (await operation.locator('.curl-command code').innerText()).trim();
  }
  const url = (await operation.locator('.request-url pre').innerText()).trim();
  for (const [language, sample] of Object.entries(samples))
    t.ok(sample.includes(url), `${language}: ${sample}`);
  const artifact = JSON.parse((await run('bash', ['-c', samples.curl ?? ''])).stdout);
  t.equal(artifact.kind, 'picture');
  const program = `${samples.TypeScript}\nconsole.log(JSON.stringify(answer));`;
  const options = ['--input-type=module-typescript', '-e', program];
  t.equal(JSON.parse((await run(process.execPath, options)).stdout).id, artifact.id);
  t.match(samples.Python, /^import requests\n\nresponse = requests\.post\('http/);
});

t.test('answers other than the usual ones are shown on request', { skip: NO_BROWSER }, async (t) => {
  const page = await openDocs(t);
  const operation = await expand(page, 'getImage');
  const documented = operation.locator('.responses-table tr.response');
  t.equal(await documented.count(), 1, 'only the success at first');
  await operation.getByText(/^Show the errors and other answers: 400, 401, 403/).click();
  t.ok((await documented.count()) > 8);
});

t.test('operations are found by words of their descriptions', { skip: NO_BROWSER }, async (t) => {
  const page = await openDocs(t);
  await page.locator('.operation-filter-input').fill('percentiles');
  t.ok(await eventually(async () => (await page.locator('.opblock').count()) < 10));
  const found = await page
    .locator('.opblock')
    .evaluateAll((all: { id: string }[]) => all.map(({ id }) => id));
  t.ok(found.length > 0 && found.every((id) => /histogram/i.test(id)), found.join());
});

t.test('the first steps open their operations', { skip: NO_BROWSER }, async (t) => {
  const page = await openDocs(t);
  const links = page.locator('.first-steps a');
  t.ok((await links.count()) > 10);
  for (const link of await links.all()) {
    await link.click();
    const [, tag, operationId] = ((await link.getAttribute('href')) ?? '').split('/');
    await page.locator(`#operations-${tag}-${operationId} .execute`).waitFor();
  }
});

t.test('the keyboard is enough', { skip: NO_BROWSER }, async (t) => {
  const page = await openDocs(t);
  await page.keyboard.press('Tab');
  t.equal(await page.evaluate('document.activeElement.className'), 'skip');
  const operation = page.locator('.opblock[id$="-getImage"]');
  await operation.locator('.opblock-summary-control').focus();
  await page.keyboard.press('Enter');
  await operation.locator('.execute').waitFor();
  for (let presses = 0; presses < 60; presses++) {
    if (await page.evaluate('document.activeElement.classList.contains("execute")')) break;
    await page.keyboard.press('Tab');
  }
  await page.keyboard.press('Enter');
  await operation.locator('.live-responses-table tbody .response-col_status').first().waitFor();
});

t.test('a phone is wide enough', { skip: NO_BROWSER }, async (t) => {
  const page = await openDocs(t, { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true });
  for (const operationId of ['uploadImages', 'getResizedImage', 'transformImage']) {
    const operation = await expand(page, operationId);
    t.match(await execute(operation), /^20[01]$/);
    t.equal(
      await page.evaluate('document.documentElement.scrollWidth'),
      390,
      `${operationId}: nothing is cut off`,
    );
    const width = (await operation.locator('.execute').boundingBox())?.width ?? 0;
    t.ok(width > 100 && width <= 390);
  }
});

t.test('dark mode follows the system, until it is switched', { skip: NO_BROWSER }, async (t) => {
  const page = await openDocs(t, { colorScheme: 'dark' });
  const isDark = () => page.evaluate('document.documentElement.classList.contains("dark-mode")');
  t.equal(await isDark(), true);
  await page.locator('#theme').click();
  t.equal(await isDark(), false);
  await page.reload();
  t.equal(await isDark(), false, 'the choice is kept');
});

t.test('the reference shows every operation with code', { skip: NO_BROWSER }, async (t) => {
  const page = await open(t, '/reference');
  const heading = page.locator('h2', { hasText: 'Resize an image' }).first();
  await heading.waitFor({ timeout: 60_000 });
  const section = page.locator('[id="tag/manipulation/operation/resizeImage"]');
  await section.getByText('TypeScript').first().click();
  await section
    .getByText(/await fetch\('http.*\/images\/.*\/resize'/)
    .first()
    .waitFor();
});

t.test('addresses of the docs', async (t) => {
  const { send } = await createTestApp(t);
  for (const [from, to] of [
    ['/', 'docs'],
    ['/docs/', '../docs'],
  ] as const) {
    const { statusCode, headers } = await send('GET', from);
    t.match({ statusCode, location: headers.location }, { statusCode: 302, location: to });
  }
  for (const file of ['photo.jpg', 'scan.png', 'image-log.csv']) {
    t.equal((await send('GET', `/docs/samples/${file}`)).statusCode, 200, file);
  }
  t.notMatch((await send('GET', '/docs/page/redoc.js')).body, /https:\/\/cdn\./);
});
