import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import t, { type Test } from 'tap';
import { LOCAL_OWNER, type OwnerId } from '../../src/auth/owner.ts';
import { OPERATIONS } from '../../src/operations.ts';
import type { Artifact } from '../../src/work/artifact.ts';
import type { Work } from '../../src/work/work.ts';
import { createTestApp } from '../support/app.ts';

const options = { retention: 'kept' as const, signal: new AbortController().signal };

/** A service with one picture, and the work of making it smaller as a queue would carry it. */
async function appWithWork(t: Test, settings?: Record<string, string>) {
  const testApp = await createTestApp(t, settings);
  const bytes = await sharp({ create: { width: 40, height: 30, channels: 3, background: '#c8761b' } })
    .png()
    .toBuffer();
  const id: string = (await testApp.upload({ bytes, filename: 'core.png' })).json().results[0].image.id;
  const work: Work = {
    operation: 'transform',
    version: OPERATIONS.transform.version,
    inputs: [{ type: 'image', id }],
    params: {
      input: { auto_orient: true },
      operations: [
        {
          op: 'resize',
          width: 20,
          fit: 'cover',
          position: 'center',
          kernel: 'lanczos3',
          background: '#00000000',
          without_enlargement: false,
          without_reduction: false,
        },
      ],
      output: {
        format: 'png',
        compression_level: 6,
        progressive: false,
        palette: false,
        keep_metadata: false,
        color_profile: 'srgb',
      },
    },
  };
  return { ...testApp, id, work: JSON.parse(JSON.stringify(work)) as Work };
}

t.test('work is all that it takes: plain JSON gives the artifact that a request gives', async (t) => {
  const { services, send, id, work } = await appWithWork(t);
  const made = await services.maker.make(LOCAL_OWNER, work, options);
  t.ok(made.isNew);
  t.match(made.artifact, { kind: 'picture', filename: 'core.png', result: { width: 20, height: 15 } });
  const posted = await send('POST', `/images/${id}/resize`, { width: 20 });
  t.equal(posted.statusCode, 200, 'it existed');
  t.equal(posted.json().id, made.artifact.id);
});

t.test('owners share neither a picture nor an artifact nor a computation', async (t) => {
  const { services, work, id } = await appWithWork(t);
  const { maker, database } = services;
  const other = '11111111-1111-4111-8111-111111111111' as OwnerId;
  await database.pool.query("INSERT INTO users (id, name) VALUES ($1, 'other')", [other]);
  const [own, foreign] = await Promise.allSettled([
    maker.make(LOCAL_OWNER, work, options),
    maker.make(other, work, options),
  ]);
  t.equal(own.status, 'fulfilled');
  t.match(foreign, { status: 'rejected', reason: { code: 'not_found' } }, 'at the same time');
  await t.rejects(maker.make(other, work, options), { code: 'not_found' }, 'now that it is stored');
  const { transform, histogram } = OPERATIONS;
  await t.rejects(maker.plan(other, transform, { type: 'image', id }, {}), { code: 'not_found' });
  const mask = { mask: (own as PromiseFulfilledResult<{ artifact: Artifact }>).value.artifact.id };
  const given = {
    ...mask,
    percentiles: [],
    cumulative: false,
    normalize: false,
    per_label: false,
    ignore_transparent: false,
    page: 0,
    auto_orient: true,
  };
  await t.rejects(
    maker.plan(LOCAL_OWNER, histogram, { type: 'image', id }, given),
    { code: 'validation_failed', errors: [{ path: '/mask' }] },
    'a picture is no mask',
  );
});

t.test('an artifact that is evicted just as it is to be kept is made again', async (t) => {
  const { services, work } = await appWithWork(t);
  const { maker, database, artifacts } = services;
  const cached = await maker.make(LOCAL_OWNER, work, { ...options, retention: 'cached' });
  const keep = artifacts.keep.bind(artifacts);
  artifacts.keep = async (owner, id) => {
    artifacts.keep = keep;
    await database.pool.query('DELETE FROM artifacts WHERE id = $1', [id]);
    return keep(owner, id);
  };
  const { artifact, isNew } = await maker.make(LOCAL_OWNER, work, options);
  t.ok(isNew);
  t.not(artifact.id, cached.artifact.id);
  t.equal((await artifacts.get(LOCAL_OWNER, artifact.id)).retention, 'kept');
});

t.test('whatever reads a cached artifact uses it, so that it is not evicted', async (t) => {
  const { services, send, id } = await appWithWork(t);
  const { database } = services;
  const { headers } = await send('GET', `/images/${id}/segmentation`);
  const mask = /\/artifacts\/([^/]+)/.exec(String(headers['content-location']))?.[1];
  for (const url of [`/artifacts/${mask}/segments/csv`, `/artifacts/${mask}/segments`]) {
    await database.pool.query(`UPDATE artifacts SET last_used_at = now() - interval '1 hour' WHERE id = $1`, [
      mask,
    ]);
    t.equal((await send('GET', url)).statusCode, 200);
    const isFresh = async () => {
      const fresh = await database.pool.query(
        `SELECT 1 FROM artifacts WHERE id = $1 AND last_used_at > now() - interval '1 minute'`,
        [mask],
      );
      return fresh.rowCount === 1;
    };
    for (let turn = 0; turn < 50 && !(await isFresh()); turn += 1) await sleep(20);
    t.ok(await isFresh(), url);
  }
});

t.test('an id has one spelling', async (t) => {
  const { send, id } = await appWithWork(t);
  const compose = (overlay: string) =>
    send('POST', `/images/${id}/transform`, {
      operations: [{ op: 'composite', overlay: { image_id: overlay } }],
    });
  const made = await compose(id);
  t.equal(made.statusCode, 201, made.body);
  const again = await compose(id.toUpperCase());
  t.equal(again.statusCode, 200, again.body);
  t.equal(again.json().id, made.json().id);
});

t.test('work of another version, or of nothing that there is, is not guessed at', async (t) => {
  const { services, work } = await appWithWork(t);
  const make = (changes: Partial<Work>) => services.maker.make(LOCAL_OWNER, { ...work, ...changes }, options);
  await t.rejects(make({ version: 99 }), { message: /version/ });
  await t.rejects(make({ operation: 'teleport' }), { message: /operation teleport does not exist/ });
  await t.rejects(make({ inputs: [] }), { message: /input/ });
  await t.rejects(make({ inputs: [{ type: 'image', id: '0b9f1f86-6f3c-4d4e-8f0e-3a3b6c1c2d11' }] }), {
    code: 'not_found',
  });
});

t.test('what takes too long leaves nothing, and its work is in the log', async (t) => {
  const { services, config, upload } = await createTestApp(t, { OPERATION_TIMEOUT_MS: '1000' });
  const noise = { type: 'gaussian' as const, mean: 128, sigma: 60 };
  const bytes = await sharp({ create: { width: 2000, height: 1500, channels: 3, background: '#000', noise } })
    .jpeg()
    .toBuffer();
  const { id } = (await upload({ bytes })).json().results[0].image;
  const logged: object[] = [];
  services.log.warn = (details: object) => logged.push(details);
  const { maker } = services;
  const request = { operations: [], output: { format: 'avif', effort: 9 } };
  const { found: _found, ...work } = await maker.plan(
    LOCAL_OWNER,
    OPERATIONS.transform,
    { type: 'image', id },
    request,
  );
  await t.rejects(maker.make(LOCAL_OWNER, work, options), { code: 'operation_timeout' });
  t.strictSame(logged, [{ work }]);
  const files = await readdir(config.TEMP_JSON_DIR, { recursive: true });
  t.strictSame(
    files.filter((name) => name.includes('/')),
    [],
  );
});
