import { type Browser, chromium, type Page } from 'playwright-core';
import { servePlainDocs } from './docs.floor.ts';
import { compare, median } from './support/compare.ts';
import { onStage } from './support/stage.ts';
import type { Bench, Contestant } from './support/types.ts';

const ROUNDS = 3;
const LOADS = 3;
/** Plain Swagger UI takes seconds for each operation, so both open every tenth for the comparison. */
const EVERY = 10;

/** Code for the page: opens every nth operation once, and gives the milliseconds until each is painted, in order. */
const openEvery = (step: number) => `(async () => {
  const times = [];
  for (const [index, operation] of [...document.querySelectorAll('.opblock')].entries()) {
    if (index % ${step} !== 0) continue;
    const start = performance.now();
    operation.querySelector('.opblock-summary-control').click();
    while (operation.querySelector('.execute') === null) await new Promise((resolve) => setTimeout(resolve, 1));
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));
    times.push(performance.now() - start);
    operation.querySelector('.opblock-summary-control').click();
    // Closing it must not count as opening the next one.
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return times;
})()`;

async function load(
  browser: Browser,
  url: string,
): Promise<{ page: Page; firstPaint: number; ready: number }> {
  const page = await browser.newPage({ viewport: { width: 1300, height: 1000 } });
  const start = performance.now();
  await page.goto(url);
  await page.locator('.opblock').first().waitFor();
  const ready = performance.now() - start;
  const firstPaint = await page.evaluate<number>(
    'performance.getEntriesByName("first-contentful-paint")[0].startTime',
  );
  return { page, firstPaint, ready };
}

/** Opens operations of a page that is loaded anew for each run. */
function opening(browser: Browser, url: string): Contestant {
  return {
    async run(count) {
      const { page } = await load(browser, url);
      const times = await page.evaluate<number[]>(openEvery(EVERY));
      await page.close();
      if (times.length !== count) throw new Error(`${times.length} operations instead of ${count}`);
      return times.reduce((sum, time) => sum + time, 0) / 1000;
    },
    cpu: async () => ({}),
  };
}

/** `/docs` in Chromium, against plain Swagger UI with the same document as OpenAPI 3.1. */
export const bench: Bench = () =>
  onStage(async (stage) => {
    const { url } = await stage.startServer();
    const text = await (await fetch(`${url}/openapi.json`)).text();
    const { paths } = JSON.parse(text) as { paths: Record<string, object> };
    const operations = Object.values(paths).reduce((sum, methods) => sum + Object.keys(methods).length, 0);
    const plain = await servePlainDocs(text);
    const browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu'],
    });
    try {
      const loads = [];
      const opened: number[][] = [];
      for (let index = 0; index < LOADS; index += 1) {
        const { page, ...times } = await load(browser, `${url}/docs`);
        loads.push(times);
        opened.push(await page.evaluate<number[]>(openEvery(1)));
        await page.close();
      }
      const open = await compare({
        name: 'docs_open',
        what: `opening every ${EVERY}th of ${operations} operations; floor: plain Swagger UI with OpenAPI 3.1`,
        ours: opening(browser, `${url}/docs`),
        floor: opening(browser, plain.url),
        count: Math.ceil(operations / EVERY),
        rounds: ROUNDS,
      });
      const medians = Array.from({ length: operations }, (_, index) =>
        median(opened.map((times) => times[index] ?? Number.NaN)),
      );
      const figures = [
        {
          name: 'first_paint_ms',
          what: 'first contentful paint of /docs, median',
          value: median(loads.map(({ firstPaint }) => firstPaint)),
          limit: 1000,
        },
        {
          name: 'first_operation_ms',
          what: 'until the first operation can be opened, median',
          value: median(loads.map(({ ready }) => ready)),
        },
        {
          name: 'median_open_ms',
          what: 'opening an operation, median of all',
          value: median(opened.flat()),
        },
        {
          name: 'slowest_open_ms',
          what: 'the operation that is slowest to open, by its median',
          value: Math.max(...medians),
          limit: 300,
        },
      ];
      return { comparisons: [open], figures };
    } finally {
      await browser.close();
      plain.server.close();
    }
  });
