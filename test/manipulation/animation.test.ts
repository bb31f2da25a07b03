import { existsSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import t, { type Test } from 'tap';
import { AppError } from '../../src/core/errors.ts';
import { referenceKey } from '../../src/manipulation/operations/operation.ts';
import { OPERATION_NAMES, OPERATIONS } from '../../src/manipulation/operations/registry.ts';
import { decodePixels, differenceOf } from '../support/images.ts';
import { needsTestData, testDataPath } from '../support/test-data.ts';
import { sourceOf } from './fixtures.ts';
import { animateFile, fails, paintFile, transform } from './run.ts';
import { SAMPLES, WATERMARK } from './samples.ts';

const DELAYS = [100, 250, 70, 70, 500];

/** What is shown when: the delays of pages, neighbours that look the same taken as one. */
async function timelineOf(
  file: string,
): Promise<{ steps: number[]; loop: number | undefined; total: number }> {
  const { delay = [], loop, pages = 1 } = await sharp(file).metadata();
  const steps: number[] = [];
  let before: Awaited<ReturnType<typeof decodePixels>> | undefined;
  for (let page = 0; page < pages; page += 1) {
    const pixels = await decodePixels(file, { page });
    const isSame = before !== undefined && differenceOf(pixels, before).max === 0;
    if (isSame) steps.push((steps.pop() ?? 0) + (delay[page] ?? 0));
    else steps.push(delay[page] ?? 0);
    before = pixels;
  }
  return { steps, loop, total: delay.reduce((sum, value) => sum + value, 0) };
}

async function keepsTimeline(t: Test, found: string, wanted: string, name: string): Promise<void> {
  const [now, before] = [await timelineOf(found), await timelineOf(wanted)];
  t.match(
    { loop: now.loop, total: now.total },
    { loop: before.loop, total: before.total },
    `${name}: loop and length`,
  );
}

async function sources(folder: string): Promise<string[]> {
  const shared = ['animated.gif', 'animated.webp'].map((name) => testDataPath('images', name));
  return [
    await animateFile(folder, 'animated.gif', DELAYS),
    await animateFile(folder, 'animated.webp', DELAYS),
    ...shared.filter(existsSync),
  ];
}

/** A WebP whose pages are all equal is a still picture, so the crop takes in what moves. */
const STEPS = { ...SAMPLES, crop: { op: 'crop', aspect_ratio: '1:1' } };

t.test('each operation keeps the pages and their times, or says how to take one page', async (t) => {
  const folder = t.testdir();
  const inputs = {
    [referenceKey(WATERMARK)]: sourceOf(await paintFile(folder, 'mark.png', { width: 8, height: 8 })),
  };
  for (const file of await sources(folder)) {
    const { pages = 1 } = await sharp(file).metadata();
    for (const op of OPERATION_NAMES) {
      const name = `${op} on ${path.basename(file)}`;
      const running = transform(folder, file, { operations: [STEPS[op]] }, { inputs });
      if (!OPERATIONS[op].animated) {
        await fails(t, running, 'validation_failed', '/input/page', name);
        continue;
      }
      const result = await running;
      await keepsTimeline(t, result.path, file, name);
      if (file.endsWith('gif')) t.equal(result.pages, pages, `${name}: every page`);
      const still = await transform(
        folder,
        file,
        { operations: [STEPS[op]], input: { page: 1 } },
        { inputs },
      );
      t.match(
        [still.pages, still.width, still.height],
        [1, result.width, result.height],
        `${name}: one page`,
      );
    }
  }
});

t.test('pages are what the operation makes of each page by itself', async (t) => {
  const folder = t.testdir();
  const file = await animateFile(folder, 'animated.webp', DELAYS);
  const { pages = 1 } = await sharp(file).metadata();
  const inputs = {
    [referenceKey(WATERMARK)]: sourceOf(await paintFile(folder, 'mark.png', { width: 8, height: 8 })),
  };
  const output = { format: 'webp', lossless: true };
  for (const op of OPERATION_NAMES.filter(
    (name) => OPERATIONS[name].animated && !OPERATIONS[name].pagesTogether,
  )) {
    const all = await transform(folder, file, { operations: [SAMPLES[op]], output }, { inputs });
    const { pages: found = 1 } = await sharp(all.path).metadata();
    if (found !== pages) continue;
    for (const page of [0, pages - 1]) {
      const one = await transform(
        folder,
        file,
        { operations: [SAMPLES[op]], input: { page }, output },
        { inputs },
      );
      const { max } = differenceOf(await decodePixels(all.path, { page }), await decodePixels(one.path));
      t.ok(max <= 1, `${op}, page ${page}: ${max} levels apart`);
    }
  }
});

t.test('an animation between GIF and WebP keeps its times and loops', async (t) => {
  const folder = t.testdir();
  for (const loop of [0, 1, 3]) {
    const gif = await animateFile(folder, 'animated.gif', DELAYS, loop);
    const webp = await transform(folder, gif, { output: { format: 'webp', lossless: true } });
    const back = await transform(folder, webp.path, { output: { format: 'gif' } });
    t.same((await timelineOf(webp.path)).steps, [100, 250 + 70, 70, 500], 'equal neighbours may be joined');
    t.same(
      (await timelineOf(gif)).steps,
      (await timelineOf(webp.path)).steps,
      'the same is shown at the same time',
    );
    t.match(await timelineOf(back.path), { loop, total: 990 });
  }
});

t.test('an animation in a format without is refused', async (t) => {
  const folder = t.testdir();
  const file = await animateFile(folder, 'animated.gif', DELAYS);
  for (const format of ['jpeg', 'png', 'tiff', 'avif']) {
    await fails(
      t,
      transform(folder, file, { output: { format } }),
      'validation_failed',
      '/input/page',
      format,
    );
    t.match(await transform(folder, file, { output: { format }, input: { page: 4 } }), { format, pages: 1 });
  }
  try {
    await transform(folder, file, { operations: [SAMPLES.trim], output: { format: 'png' } });
  } catch (error) {
    t.match(
      error,
      { detail: /a page from 0 to 4, because trim .* and PNG .* for page / },
      'all reasons, and the way out',
    );
  }
  for (const step of [
    { op: 'resize', width: 20, height: 20, position: 'attention' },
    { op: 'crop', width: 20, height: 20, position: 'entropy' },
  ]) {
    await fails(
      t,
      transform(folder, file, { operations: [step] }),
      'validation_failed',
      '/input/page',
      step.position,
    );
  }
});

t.test('page picks a page, which must exist', async (t) => {
  const folder = t.testdir();
  const file = await animateFile(folder, 'animated.gif', DELAYS);
  for (const page of [0, 3]) {
    const result = await transform(folder, file, { input: { page }, output: { format: 'png' } });
    t.equal(
      differenceOf(await decodePixels(result.path), await decodePixels(file, { page })).max,
      0,
      `page ${page}`,
    );
  }
  await fails(
    t,
    transform(folder, file, { input: { page: 5 } }),
    'validation_failed',
    '/input/page',
    'page 5 of 5',
  );
  const still = await paintFile(folder, 'still.png');
  await fails(
    t,
    transform(folder, still, { input: { page: 1 } }),
    'validation_failed',
    '/input/page',
    'page 1 of 1',
  );
});

t.test('an animation is held to the limits over all pages', async (t) => {
  const folder = t.testdir();
  const file = await animateFile(folder, 'animated.gif', DELAYS);
  const pixels = 48 * 40 * DELAYS.length;
  const run = (limits: object, operations: object[] = []) =>
    transform(folder, file, { operations }, { limits });
  await fails(t, run({ maxTotalPixels: pixels - 1 }), 'too_many_pixels', undefined, 'total of the input');
  await fails(
    t,
    run({ maxOutputPixels: pixels - 1 }),
    'output_too_large',
    '/input/page',
    'total of the output',
  );
  const twice = [{ op: 'resize', width: 96 }];
  await fails(
    t,
    run({ maxOutputPixels: pixels * 4 - 1 }, twice),
    'output_too_large',
    '/operations/0/width',
    'total of a step',
  );
  t.match(await run({ maxOutputPixels: pixels * 4 }, twice), { width: 96, height: 80, pages: 5 });
});

t.test('pages of a TIFF', needsTestData('images/multipage.tif'), async (t) => {
  const folder = t.testdir();
  const file = testDataPath('images', 'multipage.tif');
  const operations = [{ op: 'resize', width: 300 }];
  const pages = await Promise.all(
    [undefined, 0, 1].map((page) =>
      transform(folder, file, { operations, ...(page === undefined ? {} : { input: { page } }) }),
    ),
  );
  t.equal(pages[0]?.sha256, pages[1]?.sha256, 'the first page by default');
  t.not(pages[0]?.sha256, pages[2]?.sha256, 'another page is another picture');
  await fails(
    t,
    transform(folder, file, { input: { page: 2 } }),
    'validation_failed',
    '/input/page',
    'page 2 of 2',
  );
});

t.test('metadata of an animation is not kept in silence', async (t) => {
  const folder = t.testdir();
  const file = await animateFile(folder, 'animated.webp', DELAYS);
  const running = transform(folder, file, { output: { keep_metadata: true } });
  await t.rejects(running, AppError);
});
