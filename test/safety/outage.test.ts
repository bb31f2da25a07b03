import { appendFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import { MASK_FORMS } from '../../src/segmentation/formats/index.ts';
import { multipartBody } from '../support/app.ts';
import { withSmallDisk } from '../support/small-disk.ts';
import { allowedMs } from '../support/time.ts';
import { exchange } from './connection.ts';
import { filesLeftIn, head, listen, newPicture, problemOf, uploadOver } from './listening.ts';
import { jsonOf, noise, postJson, uploadId } from './operations.ts';
import { runOutage } from './outages.ts';

for (const kind of ['hangs', 'dies'] as const) {
  t.test(`a database that ${kind} under requests`, async (t) => {
    const { answered, failed, slowestFailureMs, withoutRetryAfter, lost, recoveryMs, statuses, readyStatus } =
      await runOutage(t, kind, 3000);
    t.ok(answered > 0, `${answered} requests succeeded`);
    t.ok(failed > 0, `${failed} requests failed`);
    t.strictSame(
      [...statuses].filter((status) => ![200, 201, 503].includes(status)),
      [],
      'what fails is 503',
    );
    t.equal(withoutRetryAfter, 0, 'each with Retry-After');
    t.ok(slowestFailureMs < allowedMs(2000), `slowest failure after ${Math.round(slowestFailureMs)} ms`);
    t.equal(readyStatus, 503, 'ready tells it');
    t.equal(lost, 0, 'nothing that was acknowledged is lost');
    t.ok(recoveryMs < allowedMs(5000), `works again after ${Math.round(recoveryMs)} ms`);
  });
}

/** Takes the last page of a disk. */
function fill(file: string): void {
  const page = Buffer.alloc(4096);
  try {
    for (;;) appendFileSync(file, page);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  }
}

t.test('a full disk is 503 until there is room, and nothing stays behind', async (t) => {
  const isMounted = await withSmallDisk('size=2m', async (folder) => {
    await t.test('DATA_DIR, and in it TEMP_IMAGE_DIR, of 2 MiB', async (t) => {
      const { port, temporaryFiles, works } = await listen(t, { DATA_DIR: folder });
      const id = await uploadId(port, await noise(300, 200));
      const large = await noise(3000, 2500);
      t.ok(large.length > 2 ** 21);
      const upload = await uploadOver(port, large);
      t.equal(upload.status, 503, `upload: ${upload.body}`);
      t.equal(problemOf(upload)?.code, 'storage_unavailable');
      t.match(upload.headers['retry-after'], /^[1-9]\d*$/);
      t.strictSame(await temporaryFiles(), [], 'temporary files are gone');
      t.ok(await works(), 'a small one has room');

      const ballast = path.join(folder, 'ballast');
      fill(ballast);
      const full = await uploadOver(port, await newPicture());
      t.equal(problemOf(full)?.code, 'storage_unavailable', `upload: ${full.status}`);
      // A small result is written by Node, a large one by libvips.
      for (const [operation, params] of [
        ['resize', { width: 250 }],
        ['resize', { width: 3000 }],
        ['crop', { left: 0, top: 0, width: 250, height: 150 }],
        ['convert', { format: 'webp' }],
        ['transform', { operations: [{ op: 'flip' }] }],
        ['render', { operations: [{ op: 'flop' }] }],
        ['segmentation', { method: 'kmeans' }],
        ['histogram', { bins: 19 }],
      ] as const) {
        const made = await exchange(port, postJson(`/images/${id}/${operation}`, params));
        const name = `${operation} ${JSON.stringify(params)}: ${made.status} ${made.body}`;
        t.equal(problemOf(made)?.code, 'storage_unavailable', name);
        t.match(made.headers['retry-after'], /^[1-9]\d*$/);
      }
      await writeFile(ballast, '');
      t.ok(await works(), 'works when there is room again');
      t.equal((await exchange(port, postJson(`/images/${id}/resize`, { width: 250 }))).status, 201);
      t.strictSame(await temporaryFiles(), []);
    });
  });
  if (!isMounted) t.pass('a full disk', { skip: 'needs the privilege to mount a file system' });
});

t.test('full folders for temporary files are 503 for whatever is written there', async (t) => {
  const isMounted = await withSmallDisk('size=1m', async (folder) => {
    await t.test('TEMP_IMAGE_DIR and TEMP_JSON_DIR', async (t) => {
      const folders = { TEMP_IMAGE_DIR: path.join(folder, 'i'), TEMP_JSON_DIR: path.join(folder, 'j') };
      const { port } = await listen(t, folders);
      const id = await uploadId(port, await noise(300, 200));
      const log = `depth,col1,col2\n${Array.from({ length: 300 }, (_, row) => `${row},${row % 256},7`).join('\n')}\n`;
      const { body, headers } = multipartBody([{ bytes: Buffer.from(log), field: 'file' }]);
      const sent = await exchange(port, [
        head('POST', '/upload', { ...headers, 'content-length': body.length }),
        body,
      ]);
      t.equal(sent.status, 201, `${sent.body}`);
      const [mask, histogram] = await Promise.all(
        ['segmentation', 'histogram'].map(async (operation) => {
          const made = await exchange(port, postJson(`/images/${id}/${operation}`, {}));
          return jsonOf(made).id;
        }),
      );
      const ballast = path.join(folder, 'ballast');
      const requests: Record<string, () => ReturnType<typeof exchange>> = {
        'an upload': async () => uploadOver(port, await newPicture()),
      };
      for (const [url, body] of [
        ['segmentation', { method: 'otsu', invert: true }],
        ['histogram', { bins: 17 }],
      ] as const) {
        requests[`POST ${url}`] = () => exchange(port, postJson(`/images/${id}/${url}`, body));
      }
      const forms = Object.keys(MASK_FORMS).map((name) => name.slice('mask-'.length));
      for (const url of [
        `/images/${id}/segmentation?method=multi_otsu`,
        ...forms.map((form) => `/images/${id}/segmentation/${form}?method=multi_otsu`),
        `/images/${id}/histogram?bins=18`,
        `/images/${id}/histogram/plot?bins=18`,
        ...forms.map((form) => `/artifacts/${mask}/segments/${form}`),
        `/artifacts/${histogram}/plot`,
        `/artifacts/${histogram}/plot?format=png`,
        '/frames/picture?height=100',
        '/frames/picture?format=webp',
      ]) {
        requests[`GET ${url}`] = () => exchange(port, head('GET', url));
      }
      fill(ballast);
      for (const [name, send] of Object.entries(requests)) {
        const refused = await send();
        t.equal(
          problemOf(refused)?.code,
          'storage_unavailable',
          `${name}: ${refused.status} ${refused.body}`,
        );
        t.match(refused.headers['retry-after'], /^[1-9]\d*$/);
      }
      await writeFile(ballast, '');
      for (const [name, send] of Object.entries(requests)) {
        const answer = await send();
        t.ok([200, 201].includes(answer.status), `${name}: ${answer.status}`);
      }
      for (const root of Object.values(folders)) t.strictSame(await filesLeftIn(root), []);
    });
  });
  if (!isMounted) t.pass('a full disk', { skip: 'needs the privilege to mount a file system' });
});

t.test(
  'a disk smaller than DISK_CACHE_BYTES was a 503 for every new result once the cache had filled it',
  async (t) => {
    const isMounted = await withSmallDisk('size=2m', async (folder) => {
      await t.test('DATA_DIR of 2 MiB, and a cache of 1 GiB', async (t) => {
        const { port } = await listen(t, { DATA_DIR: folder });
        const id = await uploadId(port, await noise(400, 300));
        let bytes = 0;
        for (let width = 300; width < 340; width += 1) {
          const made = await exchange(port, postJson(`/images/${id}/resize`, { width, format: 'png' }));
          t.equal(made.status, 201, `${width}: ${made.body}`);
          bytes += jsonOf(made).size;
        }
        t.ok(bytes > 2 * 2 ** 21, `${bytes} bytes of results`);
      });
    });
    if (!isMounted) t.pass('a full disk', { skip: 'needs the privilege to mount a file system' });
  },
);

t.test('an original and results larger than the disk of the cache are served without it', async (t) => {
  const isMounted = await withSmallDisk('size=1m', async (folder) => {
    await t.test('DATA_DIR of 1 MiB', async (t) => {
      const others = await mkdtemp(path.join(tmpdir(), 'coreframe-test-'));
      t.teardown(() => rm(others, { recursive: true }));
      const folders = {
        TEMP_IMAGE_DIR: path.join(others, 'images'),
        TEMP_JSON_DIR: path.join(others, 'jsons'),
      };
      const { port, temporaryFiles } = await listen(t, { DATA_DIR: folder, ...folders });
      const picture = await noise(3000, 2500);
      t.ok(picture.length > 2 ** 20);
      const id = await uploadId(port, picture);
      const original = await exchange(port, head('GET', `/images/${id}/content`));
      t.ok(original.body.equals(picture));
      // A small result is written by Node, a large one by libvips.
      for (const width of [2000, 6000]) {
        const query = `width=${width}&format=jpeg&quality=90`;
        const resized = await exchange(port, head('GET', `/images/${id}/resize?${query}`));
        t.equal(resized.status, 200, resized.body.toString('latin1').slice(0, 300));
        t.ok(resized.body.length > 2 ** 20, `${resized.body.length} bytes`);
      }
      t.strictSame(await temporaryFiles(), []);
      t.strictSame(await filesLeftIn(folders.TEMP_JSON_DIR), []);
    });
  });
  if (!isMounted) t.pass('a full disk', { skip: 'needs the privilege to mount a file system' });
});
