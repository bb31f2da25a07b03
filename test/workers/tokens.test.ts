import { createHash, generateKeyPairSync, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { SignJWT } from 'jose';
import t from 'tap';
import { LOCAL_OWNER } from '../../src/auth/owner.ts';
import { AttemptTokens } from '../../src/auth/tokens/attempt-tokens.ts';
import { KeyRing } from '../../src/auth/tokens/key-ring.ts';
import type { Lane } from '../../src/jobs/queue/job.ts';
import { Permits } from '../../src/jobs/remote/permits.ts';
import type { ClaimedBody, PictureTask } from '../../src/jobs/remote/protocol.ts';
import { OPERATIONS_BY_NAME } from '../../src/operations.ts';
import { frameLength, jsonFrame } from '../../src/system/byte-frames.ts';
import { resizeJob, uploadPictures } from '../jobs/support.ts';
import { createTestApp, multipartBody, type TestApp } from '../support/app.ts';
import { makeSecret } from './worker-processes.ts';

/** Nobody listens there: these tests are their own workers. */
const NO_BROKER = 'amqp://guest:guest@127.0.0.1:1';
const SECRET = makeSecret();

let served: TestApp;
let permits: Permits;
let credential: string;
let credentialId: string;

t.before(async () => {
  served = await createTestApp(t, { QUEUE_URL: NO_BROKER, SECRET, IMAGE_CONCURRENCY: '1' });
  const { database, auth } = served.services;
  permits = new Permits(database, auth.keys.permitKeys);
  const { key, worker } = await auth.workers.create('worker of a test');
  [credential, credentialId] = [key, worker.id];
});

const versions = Object.fromEntries(
  [...OPERATIONS_BY_NAME.values()].map(({ name, version }) => [name, version]),
);

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** A permit as a message carries it. */
async function makePermit(lane: Lane = 'images', ageSeconds = 0): Promise<string> {
  const id = randomUUID();
  await served.services.database.pool.query(
    `INSERT INTO work_permits (id, lane, created_at, sent_at)
     VALUES ($1, $2, now() - make_interval(secs => $3), now() - make_interval(secs => $3))`,
    [id, lane, ageSeconds],
  );
  return permits.write(id, lane);
}

function askToClaim(permit: string, { token = credential, lane = 'images' as Lane, ...more } = {}) {
  return served.send(
    'POST',
    '/internal/v1/claims',
    { permit, lane, worker_id: randomUUID(), which: 'others', versions, ...more },
    bearer(token),
  );
}

let pictures = 0;

/** A claimed item of a new job with as many items. */
async function claimNew(count = 1): Promise<ClaimedBody & { task: { picture: PictureTask }; ids: string[] }> {
  const ids = await uploadPictures(served, count, pictures);
  pictures += count;
  await served.services.jobs.store.create(LOCAL_OWNER, resizeJob(ids));
  const answer = await askToClaim(await makePermit());
  if (answer.statusCode !== 200) throw new Error(answer.body);
  return { ...answer.json(), ids };
}

const itemOf = async ({ job_id: id, position }: ClaimedBody) => {
  const { items } = await served.services.jobs.store.items(LOCAL_OWNER, id, { limit: 100 });
  return items.find((item) => item.position === position);
};

/** Every request that the token of an attempt allows, with the status of each. */
async function statuses(token: string, sha256: string): Promise<number[]> {
  const headers = bearer(token);
  const found: number[] = [];
  for (const [method, path, body] of [
    ['GET', `/inputs/${sha256}`, undefined],
    ['POST', '/lease', undefined],
    ['POST', '/progress', { stage: 'working' }],
    ['POST', '/end', { outcome: 'failed', problem: { code: 'internal_error', detail: 'No.' } }],
  ] as const)
    found.push((await served.send(method, `/internal/v1/attempt${path}`, body, headers)).statusCode);
  for (const path of ['/result', '/rows']) {
    const payload = jsonFrame({});
    const type = { 'content-type': 'application/octet-stream' };
    const answer = await served.app.inject({
      method: 'POST',
      url: `/internal/v1/attempt${path}`,
      payload,
      headers: { ...headers, ...type },
    });
    found.push(answer.statusCode);
  }
  return found;
}
const REFUSED = [401, 401, 401, 401, 401, 401];

t.test('a permit is good for one claim, of its lane, and only if the service has signed it', async (t) => {
  const [id] = [randomUUID()];
  const permit = await makePermit();
  const [, signature = ''] = permit.split('.');
  const stranger = new Permits(served.services.database, new KeyRing([makeSecret()]).permitKeys);
  for (const [what, forged] of Object.entries({
    'no permit': '',
    'another id': `${id}.${signature}`,
    'another signature': permit.replace(/.$/, (last) => (last === 'A' ? 'E' : 'A')),
    'a shorter signature': permit.slice(0, -1),
    'that of a stranger': stranger.write(permit.slice(0, 36), 'images'),
    'that of the other lane': permits.write(permit.slice(0, 36), 'image_logs'),
    'one that was never made': permits.write(id, 'images'),
  })) {
    const { statusCode, body } = await askToClaim(forged);
    t.equal(statusCode, 403, what);
    t.equal(JSON.parse(body).code, 'permit_refused', what);
  }
  t.equal((await askToClaim(permit)).statusCode, 204, 'nothing waits');
  t.equal((await askToClaim(permit)).statusCode, 403, 'it was used');
});

t.test('of several claims with one permit at the same time, one is answered', async (t) => {
  const permit = await makePermit();
  const all = await Promise.all(Array.from({ length: 20 }, () => askToClaim(permit)));
  const good = all.filter(({ statusCode }) => statusCode === 204);
  t.equal(good.length, 1);
  t.equal(all.filter(({ statusCode }) => statusCode === 403).length, 19);
});

t.test('a permit that has waited for two hours is good, and one of the previous secret', async (t) => {
  t.equal((await askToClaim(await makePermit('images', 7200))).statusCode, 204);
  const next = new KeyRing([makeSecret(), SECRET]);
  const rotated = new Permits(served.services.database, next.permitKeys);
  const permit = await makePermit();
  t.equal(rotated.read(permit, 'images'), permit.slice(0, 36));
  const { token, job_id: jobId } = await claimNew();
  t.equal((await new AttemptTokens(next, 60).verify(token)).jobId, jobId, 'and so is a token');
});

t.test('only the credential of a worker can claim, until it is revoked', async (t) => {
  const { workers } = served.services.auth;
  const revoked = await workers.create('revoked');
  t.equal((await served.send('DELETE', `/workers/${revoked.worker.id}`)).statusCode, 204);
  const claimed = await claimNew();
  for (const [what, token] of Object.entries({
    'a revoked one': revoked.key,
    'another one': credential.replace(/^cfw_./, (start) => (start === 'cfw_A' ? 'cfw_B' : 'cfw_A')),
    'an API key': credential.replace('cfw_', 'cfk_'),
    'the token of an attempt': claimed.token,
  })) {
    const permit = await makePermit();
    t.equal((await askToClaim(permit, { token })).statusCode, 401, what);
    t.equal((await askToClaim(permit)).statusCode, 204, `${what} has not used the permit`);
  }
  const { statusCode } = await served.send('POST', '/internal/v1/claims', {}, {});
  t.equal(statusCode, 401, 'none');
  const { lastUsedAt } = await workers.get(credentialId);
  t.ok(lastUsedAt, 'its use is noted');
  for (const token of [credential, claimed.token])
    t.not((await served.send('GET', '/images', undefined, bearer(token))).statusCode, 500);
});

t.test('a token reads the inputs of its item alone', async (t) => {
  const first = await claimNew();
  const second = await claimNew();
  const shaOf = ({ task }: typeof first) => task.picture.inputs[0]?.content?.sha256 ?? '';
  const read = (token: string, sha256: string) =>
    served.send('GET', `/internal/v1/attempt/inputs/${sha256}`, undefined, bearer(token));
  const { rawPayload } = await read(first.token, shaOf(first));
  t.equal(createHash('sha256').update(rawPayload).digest('hex'), shaOf(first));
  const part = await served.send('GET', `/internal/v1/attempt/inputs/${shaOf(first)}`, undefined, {
    ...bearer(first.token),
    range: 'bytes=10-19',
  });
  t.equal(part.statusCode, 206);
  t.same(part.rawPayload, rawPayload.subarray(10, 20), 'a transfer that broke can go on');
  t.equal((await read(first.token, shaOf(second))).statusCode, 404);
  t.equal((await read(first.token, '0'.repeat(64))).statusCode, 404);
});

t.test('a token that is forged, expired or of another attempt is refused', async (t) => {
  const claimed = await claimNew();
  const { token, task } = claimed;
  const sha256 = task.picture.inputs[0]?.content?.sha256 ?? '';
  const { keys } = served.services.auth;
  const tokens = new AttemptTokens(keys, 60);
  const grant = await tokens.verify(token);
  const { privateKey } = generateKeyPairSync('ed25519');
  const stranger = new AttemptTokens(new KeyRing([makeSecret()]), 60);
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  const signWith = (header: { kid: string; typ: string }, key = keys.attemptSigningKey.privateKey) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'EdDSA', ...header }).sign(key);
  const { id: kid } = keys.attemptSigningKey;
  const [head, body, signature] = token.split('.');
  const none = Buffer.from(JSON.stringify({ alg: 'none', typ: 'attempt+jwt', kid })).toString('base64url');
  for (const [what, forged] of Object.entries({
    'that of a stranger': await stranger.sign(grant),
    'another key with the same name': await signWith({ kid, typ: 'attempt+jwt' }, privateKey),
    'the key of access tokens': await signWith(
      { kid: keys.signingKey.id, typ: 'attempt+jwt' },
      keys.signingKey.privateKey,
    ),
    'another kind of token': await signWith({ kid, typ: 'at+jwt' }),
    'no algorithm': `${none}.${body}.`,
    'another body': `${head}.${Buffer.from(JSON.stringify({ ...claims, att: 9 })).toString('base64url')}.${signature}`,
    'an expired one': await tokens.sign(grant, new Date(Date.now() - 3_600_000)),
    'one that ends': await tokens.sign({ ...grant, endsAt: new Date(Date.now() - 10_000) }),
    'the next attempt': await tokens.sign({ ...grant, attempt: grant.attempt + 1 }),
    'another position': await tokens.sign({ ...grant, position: 1 }),
    'another job': await tokens.sign({ ...grant, jobId: randomUUID() }),
    'a worker that does not exist': await tokens.sign({ ...grant, workerId: randomUUID() }),
    'a credential': credential,
    'no token': 'x',
  }))
    t.strictSame(await statuses(forged, sha256), REFUSED, what);
  t.equal((await itemOf(claimed))?.state, 'running', 'nothing of it has changed the item');
  t.equal((await statuses(token, sha256))[0], 200, 'the right one is accepted');
});

t.test(
  'a token is dead after the end, at the next attempt, at a cancel, and without its worker',
  async (t) => {
    const { queue, store } = served.services.jobs;
    const ends: Record<string, (claimed: ClaimedBody) => Promise<unknown>> = {
      'after the end': ({ token }) =>
        served.send('POST', '/internal/v1/attempt/end', { outcome: 'failed' }, bearer(token)),
      'at the next attempt': async ({ job_id: jobId, position, attempt }) => {
        await queue.giveBack({ jobId, position, attempt });
        const next = await askToClaim(await makePermit());
        t.equal(next.json().attempt, attempt + 1);
      },
      'at a cancel': ({ job_id: id }) => store.cancel(LOCAL_OWNER, id),
      'without its worker': async () => {
        await served.services.auth.workers.delete(credentialId);
        const { key, worker } = await served.services.auth.workers.create('the next one');
        [credential, credentialId] = [key, worker.id];
      },
    };
    for (const [what, end] of Object.entries(ends)) {
      const claimed = await claimNew();
      const sha256 = claimed.task.picture.inputs[0]?.content?.sha256 ?? '';
      t.equal((await statuses(claimed.token, sha256))[0], 200);
      const again = await claimNew();
      const sha = again.task.picture.inputs[0]?.content?.sha256 ?? '';
      await end(again);
      const found = await statuses(again.token, sha);
      t.strictSame(found, REFUSED, what);
    }
  },
);

/** Sends a result as a worker does. */
function sendResult(token: string, body: object, ...bytes: Buffer[]) {
  return served.app.inject({
    method: 'POST',
    url: '/internal/v1/attempt/result',
    payload: Buffer.concat([jsonFrame(body), ...bytes]),
    headers: { ...bearer(token), 'content-type': 'application/octet-stream' },
  });
}

t.test('a result is stored only if it is that of the work, and as long and right as it says', async (t) => {
  const claimed = await claimNew();
  const { token, task } = claimed;
  const { work } = task.picture;
  // What the operation itself makes.
  const made = await served.send('POST', `/images/${claimed.ids[0]}/resize`, { width: 20 });
  const { id } = made.json();
  const { rawPayload: bytes } = await served.send('GET', `/artifacts/${id}/content`);
  const { result, sha256, size } = await served.services.artifacts.get(LOCAL_OWNER, id);
  await served.send('DELETE', `/artifacts/${id}`);
  const content = { sha256: sha256.toString('hex'), size };
  const right = { work, outcome: { result, content } };
  let nested = {};
  for (let level = 0; level < 3_000; level++) nested = { nested };
  const wrong: Record<string, [object, Buffer[]]> = {
    nothing: [{}, []],
    'other parameters': [{ ...right, work: { ...work, params: { width: 21 } } }, [bytes]],
    'another input': [
      { ...right, work: { ...work, inputs: [{ type: 'image', id: randomUUID() }] } },
      [bytes],
    ],
    'another version': [{ ...right, work: { ...work, version: work.version + 1 } }, [bytes]],
    'another hash': [
      { ...right, outcome: { result, content: { ...content, sha256: '0'.repeat(64) } } },
      [bytes],
    ],
    'fewer bytes': [right, [bytes.subarray(1)]],
    'more bytes': [right, [bytes, Buffer.from('x')]],
    'facts of another kind': [{ ...right, outcome: { content, result: { width: 'wide' } } }, [bytes]],
    'too many bytes': [
      { ...right, outcome: { result, content: { ...content, size: Number.MAX_SAFE_INTEGER } } },
      [bytes],
    ],
    'values inside each other without end': [
      { ...right, outcome: { content, result: { ...result, nested } } },
      [bytes],
    ],
    'a negative size': [{ ...right, outcome: { result, content: { ...content, size: -1 } } }, [bytes]],
  };
  for (const [what, [body, parts]] of Object.entries(wrong)) {
    const { statusCode, body: text } = await sendResult(token, body, ...parts);
    t.equal(statusCode, 400, `${what}: ${text}`);
  }
  t.equal((await itemOf(claimed))?.state, 'running');
  t.strictSame((await sendResult(token, right, bytes)).json(), { is_ended: true });
  const item = await itemOf(claimed);
  t.equal(item?.state, 'succeeded');
  const stored = await served.services.artifacts.get(LOCAL_OWNER, item?.artifactId ?? '');
  t.equal(stored.sha256.toString('hex'), content.sha256);
  t.equal((await sendResult(token, right, bytes)).statusCode, 401, 'not twice');
});

t.test('rows are stored only if they are those of the file and of the frame set', async (t) => {
  const csv = Buffer.from('depth,a,b,c\n1,10,20,30\n2,40,50,60\n');
  const { body, headers } = multipartBody([{ bytes: csv, filename: 'log.csv', field: 'file' }]);
  const sent = await served.app.inject({
    method: 'POST',
    url: '/upload?width=4&kernel=nearest',
    payload: body,
    headers: { ...headers, prefer: 'respond-async' },
  });
  t.equal(sent.statusCode, 202, sent.body);
  const claimed: ClaimedBody = (
    await askToClaim(await makePermit('image_logs'), { lane: 'image_logs' })
  ).json();
  const { task, token } = claimed;
  if (!('log' in task)) throw new Error('It is not a log.');
  const { frame_set_id: frameSet, file } = task.log;

  const field = (bytes: Buffer | null) => {
    const length = Buffer.alloc(4);
    length.writeInt32BE(bytes?.length ?? -1);
    return Buffer.concat([length, bytes ?? Buffer.alloc(0)]);
  };
  const number = (bytes: number, write: (buffer: Buffer) => void) => {
    const buffer = Buffer.alloc(bytes);
    write(buffer);
    return buffer;
  };
  const rowOf = (id: string, row: number, pixels = [10, 20, 30], resized = [10, 10, 20, 30]) =>
    Buffer.concat([
      number(2, (buffer) => buffer.writeInt16BE(11)),
      field(Buffer.from(id.replaceAll('-', ''), 'hex')),
      field(number(4, (buffer) => buffer.writeInt32BE(row))),
      field(number(8, (buffer) => buffer.writeDoubleBE(row + 1))),
      field(Buffer.from(pixels)),
      field(Buffer.from(resized)),
      field(null),
      field(null),
      ...[10, 30, 10, 30].map((level) => field(number(2, (buffer) => buffer.writeInt16BE(level)))),
    ]);
  const quality = {
    rows: 2,
    empty_rows: 0,
    bad_rows: 0,
    null_pixels: 0,
    depth_min: 1,
    depth_max: 2,
    value_min: 10,
    value_max: 30,
    depth_order: 'ascending',
    descents: 0,
    duplicate_depths: 0,
    step: { typical: 1, min: 1, max: 1, mean: 1 },
    gaps: 0,
    largest_gaps: [],
    steps_exact: true,
  };
  const summary = {
    ...file,
    columns: 3,
    delimiter: ',',
    depthUnit: null,
    depthDecimals: 0,
    quality,
    faults: [],
    fault_total: 0,
    resizedRange: { min: 10, max: 30 },
  };
  const framed = (bytes: Buffer) => Buffer.concat([frameLength(bytes.length), bytes]);
  const send = (...parts: Buffer[]) =>
    served.app.inject({
      method: 'POST',
      url: '/internal/v1/attempt/rows',
      payload: Buffer.concat(parts),
      headers: { ...bearer(token), 'content-type': 'application/octet-stream' },
    });
  const rows = framed(Buffer.concat([rowOf(frameSet, 0), rowOf(frameSet, 1)]));
  const end = frameLength(0);
  const wrong: Record<string, Buffer[]> = {
    nothing: [],
    'no end': [rows],
    'no summary': [rows, end],
    'no rows': [end, jsonFrame({ ...summary, quality: { ...quality, rows: 0 } })],
    'the frame set of somebody else': [
      framed(Buffer.concat([rowOf(frameSet, 0), rowOf(randomUUID(), 1)])),
      end,
      jsonFrame(summary),
    ],
    'a row twice': [framed(Buffer.concat([rowOf(frameSet, 0), rowOf(frameSet, 0)])), end, jsonFrame(summary)],
    'another number of pixels': [
      framed(Buffer.concat([rowOf(frameSet, 0), rowOf(frameSet, 1, [1, 2])])),
      end,
      jsonFrame(summary),
    ],
    'another width': [framed(rowOf(frameSet, 0, [1, 2, 3], [1, 2, 3])), end, jsonFrame(summary)],
    'a row that is cut off': [framed(rowOf(frameSet, 0).subarray(0, 50)), end, jsonFrame(summary)],
    'bytes without sense': [framed(Buffer.alloc(100, 0xff)), end, jsonFrame(summary)],
    'a frame that is too long': [Buffer.from('ffffffff', 'hex')],
    'the hash of another file': [rows, end, jsonFrame({ ...summary, sha256: '0'.repeat(64) })],
    'the size of another file': [rows, end, jsonFrame({ ...summary, size: 1 })],
    'more rows than were sent': [rows, end, jsonFrame({ ...summary, quality: { ...quality, rows: 3 } })],
    'a summary of another kind': [rows, end, jsonFrame({ ...summary, quality: { rows: 2 } })],
    'something after the summary': [rows, end, jsonFrame(summary), Buffer.from('x')],
  };
  for (const [what, parts] of Object.entries(wrong)) {
    const { statusCode, body } = await send(...parts);
    t.equal(statusCode, 400, `${what}: ${body}`);
  }
  const { rows: none } = await served.services.database.pool.query('SELECT FROM frames');
  t.equal(none.length, 0, 'nothing of it is kept');
  t.equal((await itemOf(claimed))?.state, 'running');
  t.strictSame((await send(rows, end, jsonFrame(summary))).json(), { is_ended: true });
  const item = await itemOf(claimed);
  t.strictSame([item?.state, item?.frameSetId], ['succeeded', frameSet]);
  t.equal((await served.send('GET', `/frame-sets/${frameSet}`)).json().rows, 2);
});

t.test('a worker with another version of an operation leaves its items to others', async (t) => {
  const ids = await uploadPictures(served, 1, 500);
  await served.services.jobs.store.create(LOCAL_OWNER, resizeJob(ids));
  for (const older of [{}, { ...versions, transform: 0 }]) {
    const { statusCode, body } = await askToClaim(await makePermit(), { versions: older } as object);
    t.equal(statusCode, 409, body);
    t.match(JSON.parse(body).detail, /^This API needs version \d+ of transform, but the worker/);
  }
  const { statusCode } = await askToClaim(await makePermit());
  t.equal(statusCode, 200);
});

t.test('what workers are told of is in no document', async (t) => {
  const document = await readFile(new URL('../../openapi.json', import.meta.url), 'utf8');
  t.notMatch(document, /internal\/v1/);
});
