import t from 'tap';
import { VERSION } from '../../../src/core/version.ts';
import { openEmbeddedServer } from '../../../src/db/embedded/embedded-server.ts';
import { newPicture } from '../../safety/listening.ts';
import { createTestApp, type TestApp } from '../../support/app.ts';
import { makeReachableFolder } from '../../support/folders.ts';

interface Metric {
  type: string;
  help: string;
  samples: { name: string; labels: Record<string, string>; value: number }[];
}

/** Reads the text format strictly: https://prometheus.io/docs/instrumenting/exposition_formats/ */
function parse(text: string): Map<string, Metric> {
  const metrics = new Map<string, Metric>();
  let current: Metric | undefined;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) ([a-z_:][a-z0-9_:]*) (.*)$/i.exec(line) ?? [];
    if (keyword === 'HELP') {
      if (metrics.has(name)) throw new Error(`${name} comes twice.`);
      current = { type: '', help: rest, samples: [] };
      metrics.set(name, current);
    } else if (keyword === 'TYPE') {
      if (current !== metrics.get(name) || current === undefined) throw new Error(`${name} has no HELP.`);
      current.type = rest;
    } else {
      const [, sample = '', labels = '', value = ''] =
        /^([a-z_:][a-z0-9_:]*)(?:\{(.*)\})? (-?[\d.e+-]+|NaN|[+-]Inf)$/i.exec(line) ?? [];
      if (sample === '' || current === undefined) throw new Error(`Not a sample: ${line}`);
      const pairs = [...labels.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/gi)].map(([, key, text]) => [
        key,
        text,
      ]);
      current.samples.push({ name: sample, labels: Object.fromEntries(pairs), value: Number(value) });
    }
  }
  return metrics;
}

async function scrape({ app }: TestApp): Promise<Map<string, Metric>> {
  const answer = await app.inject('/metrics');
  if (answer.statusCode !== 200) throw new Error(answer.body);
  return parse(answer.body);
}

const sampleOf = (metrics: Map<string, Metric>, name: string, labels: Record<string, string> = {}) =>
  metrics
    .get(name)
    ?.samples.find(({ labels: found }) =>
      Object.entries(labels).every(([key, value]) => found[key] === value),
    )?.value;

t.test('names, types and texts follow the conventions of Prometheus', async (t) => {
  for (const [name, { type, help }] of await scrape(await createTestApp(t))) {
    if (!name.startsWith('coreframe_')) continue;
    t.equal(name.endsWith('_total'), type === 'counter', name);
    t.match(help, /^[A-Z].*\.$/, name);
    if (type === 'histogram') t.match(name, /_seconds$/);
  }
});

t.test('the version, the pool, the queues, the caches and what is stored', async (t) => {
  const app = await createTestApp(t, { DATABASE_POOL_SIZE: '3' });
  const before = await scrape(app);
  t.equal(sampleOf(before, 'coreframe_build_info', { version: VERSION, node: process.version }), 1);
  t.equal(sampleOf(before, 'coreframe_database_up'), 1);
  t.equal(sampleOf(before, 'coreframe_database_connections_waiting'), 0);
  const bytes = await newPicture();
  const id = (await app.upload({ bytes })).json().results[0].image.id;
  for (let round = 0; round < 3; round += 1) await app.send('GET', `/images/${id}/content`);
  const after = await scrape(app);
  t.equal(sampleOf(after, 'coreframe_stored_bytes_total'), bytes.length);
  const connections = (state: string) => sampleOf(after, 'coreframe_database_connections', { state }) ?? 0;
  t.ok(connections('active') + connections('idle') >= 1);
  t.ok(connections('active') + connections('idle') <= 3);
  const stored = (metrics: Map<string, Metric>) =>
    sampleOf(metrics, 'coreframe_stored_table_bytes', { table: 'blob_chunks' }) ?? 0;
  t.ok(stored(after) > stored(before), 'the picture takes room');
  t.ok((sampleOf(after, 'coreframe_stored_table_bytes', { table: 'frames' }) ?? 0) > 0);
  t.ok((sampleOf(after, 'coreframe_cache_hits_total', { cache: 'memory' }) ?? 0) >= 1);
  t.ok((sampleOf(after, 'coreframe_cache_bytes', { cache: 'memory' }) ?? 0) >= bytes.length);
  t.ok((sampleOf(after, 'coreframe_cache_bytes', { cache: 'disk' }) ?? 0) >= bytes.length);
  for (const queue of ['images', 'image_logs', 'frame_pictures', 'uploads'])
    for (const name of ['running', 'waiting', 'capacity'])
      t.type(sampleOf(after, `coreframe_queue_${name}`, { queue }), 'number', `${queue} ${name}`);
});

t.test('paths that do not exist share one label', async (t) => {
  const app = await createTestApp(t);
  for (let index = 0; index < 20; index += 1) await app.send('GET', `/nowhere/${index}`);
  const metric = (await scrape(app)).get('coreframe_http_request_duration_seconds');
  const routes = new Set(metric?.samples.map(({ labels }) => labels.route));
  t.strictSame(
    [...routes].filter((route) => !route?.startsWith('/images')),
    ['unknown'],
  );
});

t.test('a scrape works without a database', async (t) => {
  const server = await openEmbeddedServer({
    dataDir: await makeReachableFolder(t),
    settings: { fsync: 'off' },
  });
  const app = await createTestApp(t, { DATABASE_URL: server.url });
  t.equal(sampleOf(await scrape(app), 'coreframe_database_up'), 1);
  await server.close();
  const metrics = await scrape(app);
  t.equal(sampleOf(metrics, 'coreframe_database_up'), 0);
  t.strictSame(metrics.get('coreframe_stored_table_bytes')?.samples, []);
});
