import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import pino from 'pino';
import sharp from 'sharp';
import t, { type Test } from 'tap';
import { createApp } from '../../src/app.ts';
import { openServices } from '../../src/services.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import { allowedMs } from '../support/time.ts';

async function uploadOne({ upload }: TestApp, bytes: Buffer): Promise<string> {
  const { results } = (await upload({ bytes, filename: 'large.png' })).json();
  return results[0].image.id;
}

/** Tiles of bright and dark, large in pixels and small in bytes. */
async function largePicture(width: number, height: number): Promise<Buffer> {
  const tile = await sharp({ create: { width: 200, height: 200, channels: 3, background: '#203040' } })
    .composite([{ input: { create: { width: 90, height: 90, channels: 3, background: '#e0b050' } } }])
    .png()
    .toBuffer();
  return sharp({ create: { width, height, channels: 3, background: '#000' }, limitInputPixels: false })
    .composite([{ input: tile, tile: true }])
    .png({ compressionLevel: 1 })
    .toBuffer();
}

/** The same data behind image processes that may take a second, one at a time. */
async function impatientApp(t: Test, { config }: TestApp) {
  const folder = await mkdtemp(path.join(tmpdir(), 'coreframe-test-'));
  const services = await openServices(
    {
      ...config,
      DATA_DIR: folder,
      TEMP_IMAGE_DIR: path.join(folder, 'images'),
      TEMP_JSON_DIR: path.join(folder, 'documents'),
      OPERATION_TIMEOUT_MS: 1000,
      IMAGE_CONCURRENCY: 1,
    },
    pino({ level: 'silent' }),
  );
  const app = await createApp(config, services);
  t.teardown(async () => {
    await app.close();
    await services.close();
    await rm(folder, { recursive: true, force: true });
  });
  return { app, services };
}

t.test('a segmentation that takes too long ends after its time, and its place is free at once', async (t) => {
  const testApp = await createTestApp(t, { MAX_PIXELS: '60000000' });
  const large = await uploadOne(testApp, await largePicture(8000, 6250));
  const small = await uploadOne(testApp, await largePicture(400, 300));
  const { app, services } = await impatientApp(t, testApp);
  // Starts the process, which may itself take longer than a second on a busy machine, and fetches the large file.
  for (let attempt = 0; attempt < 10; attempt += 1) {
    if ((await app.inject(`/images/${small}/segmentation`)).statusCode === 200) break;
  }
  await app.inject(`/images/${large}/content`);

  const times: number[] = [];
  for (let attempt = 0; attempt < 3 && !times.some((time) => time < allowedMs(1500)); attempt += 1) {
    const started = performance.now();
    const response = await app.inject({
      method: 'POST',
      url: `/images/${large}/segmentation`,
      payload: { method: 'threshold', adaptive: 'gaussian', block_size: 199 },
    });
    times.push(Math.round(performance.now() - started));
    t.match([response.statusCode, response.json().code], [422, 'operation_timeout']);
  }
  t.comment(`operation_timeout after ${times.join(', ')} ms`);
  const fastest = Math.min(...times);
  t.ok(fastest >= 1000 && fastest < allowedMs(1500), `after ${fastest} ms`);

  const again = performance.now();
  const next = await app.inject(`/images/${small}/resize?width=50`);
  t.equal(next.statusCode, 200, next.body.slice(0, 200));
  t.comment(`the next one took ${(performance.now() - again).toFixed(0)} ms with the start of a process`);
  t.match(services.imageProcesses.stats(), { running: 0, waiting: 0 });
  const { rows } = await services.database.pool.query(
    "SELECT parameters->>'adaptive' AS adaptive FROM artifacts",
  );
  t.notOk(
    rows.some(({ adaptive }) => adaptive === 'gaussian'),
    'nothing of what was ended is stored',
  );
});

t.test('the event loop goes on while 8 segmentations of 12 megapixels run', async (t) => {
  const testApp = await createTestApp(t);
  const id = await uploadOne(testApp, await largePicture(4000, 3000));
  const delays = monitorEventLoopDelay({ resolution: 5 });
  delays.enable();
  const responses = await Promise.all(
    Array.from({ length: 8 }, (_, step) =>
      testApp.send('POST', `/images/${id}/segmentation`, {
        method: 'threshold',
        value: 60 + step,
      }),
    ),
  );
  delays.disable();
  for (const { statusCode } of responses) t.equal(statusCode, 201);
  const p99 = delays.percentile(99) / 1e6;
  t.comment(`event loop delay p99: ${p99.toFixed(1)} ms`);
  // The benchmark holds 30 ms. Here other tests take the processor as well (110 ms were seen with 14 of them on 2 cores);
  // one segmentation in this process would hold it for longer than this.
  t.ok(p99 < 300, `${p99} ms`);
});
