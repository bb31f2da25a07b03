import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import papaparse from 'papaparse';
import sharp from 'sharp';
import t from 'tap';
import { LOCAL_OWNER } from '../../src/auth/owner.ts';
import { archiveName } from '../../src/jobs/archive-names.ts';
import { createProtectedApp, makePicture } from '../http/access/tenant.ts';
import { eventually } from '../safety/processes.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import { needsPython, PYTHON } from '../support/python.ts';
import { ended, resizeJob, uploadPictures } from './support.ts';

/** Reads an archive with another program than the one that wrote it. */
const READ_ZIP = `
import hashlib, io, json, sys, zipfile
archive = zipfile.ZipFile(io.BytesIO(sys.stdin.buffer.read()))
assert archive.testzip() is None
print(json.dumps([{'name': i.filename, 'method': i.compress_type, 'sha256': hashlib.sha256(archive.read(i)).hexdigest(),
  'text': archive.read(i).decode() if i.filename == 'manifest.json' else None} for i in archive.infolist()]))
`;

interface ZippedFile {
  name: string;
  method: number;
  sha256: string;
  text: string | null;
}

interface Manifest {
  job: { id: string; state: string };
  items: {
    position: number;
    state: string;
    problem: { code: string } | null;
    artifact_id: string | null;
    file: string | null;
    document_file: string | null;
  }[];
}

/** The files of an archive, and its manifest, which is the last one. */
function readZip(bytes: Buffer): { files: ZippedFile[]; manifest: Manifest } {
  const output = execFileSync(PYTHON, ['-c', READ_ZIP], { input: bytes, encoding: 'utf8' });
  const files: ZippedFile[] = JSON.parse(output);
  return { manifest: JSON.parse(files.at(-1)?.text ?? ''), files: files.slice(0, -1) };
}

const skip = needsPython();

t.test('the results of a job as a ZIP file', { skip }, async (t) => {
  const served = await createTestApp(t);
  const { services, send, upload } = served;
  const [first = '', second = ''] = await uploadPictures(served, 2);
  const named = await upload({ bytes: await makePicture(), filename: 'con: a <b> c?.tar.png' });
  const third: string = named.json().results[0].image.id;

  await t.test('with the files of all artifacts, and their documents', async (t) => {
    const body = { operation: 'segmentation', image_ids: [first, second, third] };
    const { id } = (await send('POST', '/jobs', body)).json();
    t.match(await ended(services, id), { state: 'succeeded' });
    const answer = await send('GET', `/jobs/${id}/results`);
    t.match(answer, {
      statusCode: 200,
      headers: {
        'content-type': 'application/zip',
        'content-disposition': `attachment; filename="job-${id}.zip"`,
        'cache-control': 'private, no-store',
      },
    });
    const { files, manifest } = readZip(answer.rawPayload);
    t.match(manifest.job, { id, state: 'succeeded' });
    t.strictSame(
      files.map(({ name }) => name),
      [
        '0-picture-0-labels.png',
        '0-picture-0-segments.json',
        '1-picture-1-labels.png',
        '1-picture-1-segments.json',
        '2-con_ a _b_ c_.tar-labels.png',
        '2-con_ a _b_ c_.tar-segments.json',
      ],
    );
    for (const { position, artifact_id: artifact, file, document_file: document } of manifest.items) {
      const { sha256 } = (await send('GET', `/artifacts/${artifact}`)).json();
      const packed = files.filter(({ name }) => name === file || name === document);
      t.equal(packed.length, 2, `item ${position}`);
      t.equal(packed[0]?.sha256, sha256, 'the bytes of the artifact');
    }
    t.ok(
      files.every(({ method }) => method === 0),
      'stored, because pictures are compressed already',
    );
    const head = await served.app.inject({ method: 'HEAD', url: `/jobs/${id}/results` });
    t.match(head, { statusCode: 200, headers: { 'content-type': 'application/zip' }, body: '' });
  });

  await t.test('with what is there, if something failed or was deleted since', async (t) => {
    const missing = randomUUID();
    const { job } = await services.jobs.store.create(LOCAL_OWNER, resizeJob([first, missing, second]));
    t.match(await ended(services, job.id), { state: 'partly_failed' });
    const { items } = (await send('GET', `/jobs/${job.id}/items`)).json();
    t.equal((await send('DELETE', `/artifacts/${items[0].artifact_id}`)).statusCode, 204);
    const { files, manifest } = readZip((await send('GET', `/jobs/${job.id}/results`)).rawPayload);
    t.strictSame(
      files.map(({ name }) => name),
      ['2-picture-1.png'],
    );
    t.match(manifest.items, [
      { position: 0, state: 'succeeded', artifact_id: items[0].artifact_id, file: null },
      { position: 1, state: 'failed', problem: { code: 'not_found' }, file: null },
      { position: 2, state: 'succeeded', file: '2-picture-1.png', document_file: null },
    ]);

    const answer = await send('GET', `/jobs/${job.id}/errors`);
    t.match(answer.headers, {
      'content-type': 'text/csv',
      'content-disposition': `attachment; filename="job-${job.id}-errors.csv"`,
    });
    const { data } = papaparse.parse(answer.body, { skipEmptyLines: true });
    t.match(data, [
      ['position', 'input_type', 'input_id', 'state', 'attempts', 'code', 'detail', 'ended_at'],
      ['1', 'image', missing, 'failed', '1', 'not_found', `There is no image ${missing}.`, /^\d{4}-.*Z$/],
    ]);
  });
});

t.test('a job that has not started has a manifest alone, and no errors', { skip }, async (t) => {
  const { services, send } = await createTestApp(t, { JOB_CONCURRENCY: '0' });
  const ids = Array.from({ length: 250 }, () => randomUUID());
  const { job } = await services.jobs.store.create(LOCAL_OWNER, resizeJob(ids));
  const { files, manifest } = readZip((await send('GET', `/jobs/${job.id}/results`)).rawPayload);
  t.strictSame(files, []);
  t.strictSame(
    manifest.items.map(({ position }) => position),
    ids.map((_, position) => position),
  );
  t.ok(manifest.items.every(({ state, file }) => state === 'queued' && file === null));
  t.equal((await send('GET', `/jobs/${job.id}/errors`)).body.split('\r\n').length, 2, 'the header alone');

  t.equal((await send('POST', `/jobs/${job.id}/cancel`)).statusCode, 200);
  const { body } = await send('GET', `/jobs/${job.id}/errors`);
  const { data } = papaparse.parse<Record<string, string>>(body, { header: true, skipEmptyLines: true });
  t.equal(data.length, 250);
  t.match(data[249], { position: '249', input_id: ids[249], state: 'cancelled', attempts: '0', code: '' });
});

t.test('an archive that is not read to its end', async (t) => {
  const served = await createTestApp(t);
  const { services, app, config } = served;
  const url = await listen(served);
  const id = await makeLargeResults(served, 12);
  const manifests = async () => (await readdir(config.TEMP_JSON_DIR, { recursive: true })).filter(isFile);

  await t.test('a slow reader holds no database connection, and nothing is left when it goes', async (t) => {
    const response = await open(`${url}/jobs/${id}/results`);
    await once(response, 'readable');
    t.ok(await eventually(async () => (await manifests()).length === 1));
    const { pool } = services.database;
    t.ok(await eventually(() => pool.idleCount === pool.totalCount), 'all connections are idle');
    response.destroy();
    t.ok(await eventually(async () => (await manifests()).length === 0), 'the manifest is removed');
  });

  await t.test('a failure breaks the connection', async (t) => {
    const { items } = (await served.send('GET', `/jobs/${id}/items`)).json();
    await services.database.pool.query(
      `DELETE FROM blob_chunks c USING artifacts a WHERE a.sha256 = c.sha256 AND a.id = $1`,
      [items.at(-1).artifact_id],
    );
    const response = await open(`${url}/jobs/${id}/results`);
    t.equal(response.statusCode, 200);
    await t.rejects(response.resume().toArray(), { code: 'ECONNRESET' });
    t.ok(await eventually(async () => (await manifests()).length === 0));
  });
  await app.close();
});

t.test('only whoever may read images gets the results', async (t) => {
  const { ask, sendFile, createTenant, createKey, services } = await createProtectedApp(t);
  const [owner, other] = [await createTenant('owner'), await createTenant('other')];
  const { results } = (
    await sendFile(owner.session, '/images', { name: 'a.png', bytes: await makePicture() })
  ).json();
  const body = { operation: 'histogram', image_ids: [results[0].image.id] };
  const { id } = (await ask(owner.session, 'POST', '/jobs', body)).json();
  await ended(services, id, { owner: owner.id as never });
  const jobsOnly = await createKey(owner.session, ['jobs:read']);
  t.match(await ask(jobsOnly.headers, 'GET', `/jobs/${id}/results`), { statusCode: 403 });
  t.match(await ask(jobsOnly.headers, 'GET', `/jobs/${id}/errors`), { statusCode: 200 });
  for (const part of ['results', 'errors'])
    t.match(await ask(other.session, 'GET', `/jobs/${id}/${part}`), { statusCode: 404 }, part);
});

t.test('names in an archive', async (t) => {
  t.equal(archiveName(7, 1000, 'photo.jpg'), '007-photo.jpg');
  t.equal(archiveName(0, 1, 'photo.jpg'), '0-photo.jpg');
  t.equal(archiveName(3, 10, '../a\\b:c*?"<>|\u0007.png'), '3-.._a_b_c_______.png');
  t.equal(archiveName(3, 10, 'dots. .'), '3-dots');
  t.equal(archiveName(3, 10, ''), '3-');
  const long = archiveName(99_999, 100_000, `${'ж'.repeat(250)}.jpeg`);
  t.ok(Buffer.byteLength(long) <= 255 && long.endsWith('ж.jpeg'), long);
  t.equal(archiveName(1, 9, `a${'\u{1f5ff}'.repeat(80)}.png`).isWellFormed(), true, 'no half characters');
});

const isFile = (name: string) => !/^process-[0-9a-f]+(\.lock)?$/.test(path.basename(name));

async function listen({ app }: TestApp): Promise<string> {
  await app.listen({ port: 0, host: '127.0.0.1' });
  return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
}

async function open(url: string): Promise<IncomingMessage> {
  const [response] = await once(get(url), 'response');
  return response as IncomingMessage;
}

/** A job with results of 3 MB each, more than what is buffered on the way. @returns its id */
async function makeLargeResults({ upload, send, services }: TestApp, count: number): Promise<string> {
  const noise = { type: 'gaussian' as const, mean: 128, sigma: 60 };
  const files = await Promise.all(
    Array.from({ length: count }, () =>
      sharp({ create: { width: 1000, height: 1000, channels: 3, background: 'black', noise } })
        .png({ compressionLevel: 0 })
        .toBuffer(),
    ),
  );
  const { results } = (await upload(...files.map((bytes) => ({ bytes })))).json();
  const { id } = (
    await send('POST', '/jobs', {
      operation: 'convert',
      parameters: { format: 'png', compression_level: 0 },
      image_ids: results.map(({ image }: { image: { id: string } }) => image.id),
    })
  ).json();
  await ended(services, id);
  return id;
}
