import { appendFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { withSmallDisk } from '../support/small-disk.ts';
import { allowedMs } from '../support/time.ts';
import { exchange } from './connection.ts';
import { listen, newPicture, problemOf, uploadOver } from './listening.ts';
import { noise, postJson, uploadId } from './operations.ts';
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
      for (const width of [250, 3000]) {
        const resize = await exchange(port, postJson(`/images/${id}/resize`, { width }));
        t.equal(problemOf(resize)?.code, 'storage_unavailable', `${width}: ${resize.status} ${resize.body}`);
        t.match(resize.headers['retry-after'], /^[1-9]\d*$/);
      }
      await writeFile(ballast, '');
      t.ok(await works(), 'works when there is room again');
      t.equal((await exchange(port, postJson(`/images/${id}/resize`, { width: 250 }))).status, 201);
      t.strictSame(await temporaryFiles(), []);
    });
  });
  if (!isMounted) t.pass('not tested: mounting a small disk needs a privilege', { skip: true });
});
