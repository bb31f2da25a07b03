import type { TSchema } from '@sinclair/typebox';
import sharp from 'sharp';
import t from 'tap';
import { METHOD_NAMES, METHODS, type MethodName } from '../../src/segmentation/methods/index.ts';
import { createTestApp, type TestApp } from '../support/app.ts';

/** The least that each method is called with. */
const BASES: Record<MethodName, Record<string, unknown>> = {
  otsu: {},
  threshold: { value: 100 },
  multi_otsu: {},
  kmeans: {},
  watershed: {},
  grabcut: { box: { x: 0, y: 0, width: 2, height: 2 } },
  color: { color: '#ff0000' },
};

/** Structured parameters: each wrong value with the path of its fault. */
const NESTED_IN_BODY: [MethodName, string, unknown, string][] = [
  ['grabcut', 'box', [0, 0, 2, 2], '/box'],
  ['grabcut', 'box', { x: 0, y: 0, width: 2 }, '/box/height'],
  ['grabcut', 'box', { x: 0, y: 0, width: 0, height: 2 }, '/box/width'],
  ['grabcut', 'box', { x: -1, y: 0, width: 2, height: 2 }, '/box/x'],
  ['grabcut', 'box', { x: 0, y: '0', width: 2, height: 2 }, '/box/y'],
  ['grabcut', 'box', { x: 0, y: 0, width: 2, height: 2, depth: 1 }, '/box/depth'],
  ['grabcut', 'box', { x: 0, y: 0, width: 9, height: 2 }, '/box'],
  ['grabcut', 'foreground', { x: 1, y: 1 }, '/foreground'],
  ['grabcut', 'foreground', [{ x: 1 }], '/foreground/0/y'],
  ['grabcut', 'foreground', [{ x: 1, y: 99 }], '/foreground/0'],
  ['grabcut', 'background', [{ x: 1, y: 1 }, [2, 2]], '/background/1'],
  ['watershed', 'markers', 'levels', '/markers'],
  ['watershed', 'markers', {}, '/markers/from'],
  ['watershed', 'markers', { from: 'space' }, '/markers/from'],
  ['watershed', 'markers', { from: 'levels', low: 30 }, '/markers/high'],
  ['watershed', 'markers', { from: 'levels', low: 30, high: 256 }, '/markers/high'],
  ['watershed', 'markers', { from: 'levels', low: 30, high: 20 }, '/markers/low'],
  ['watershed', 'markers', { from: 'levels', low: 30, high: 40, threshold: 3 }, '/markers/threshold'],
  ['watershed', 'markers', { from: 'distance', threshold: 'x' }, '/markers/threshold'],
  ['watershed', 'markers', { from: 'distance', min_distance: 0 }, '/markers/min_distance'],
  ['watershed', 'markers', { from: 'points', points: [] }, '/markers/points'],
  ['watershed', 'markers', { from: 'points', points: [{ x: 99, y: 0 }] }, '/markers/points/0'],
  [
    'watershed',
    'markers',
    { from: 'points', points: [{ x: 0, y: 0 }], background: [3] },
    '/markers/background/0',
  ],
  ['color', 'point', [1, 1], '/point'],
  ['color', 'point', { x: 1, y: 1.5 }, '/point/y'],
  ['color', 'point', { x: 1, y: 99 }, '/point'],
];

const NESTED_IN_QUERY: [MethodName, string, string, string][] = [
  ['grabcut', 'box', '0,0,2', '/box'],
  ['grabcut', 'box', '0,0,2,x', '/box'],
  ['grabcut', 'box', '0,0,0,2', '/box'],
  ['grabcut', 'box', '0,0,9,2', '/box'],
  ['grabcut', 'box', '-1,0,2,2', '/box'],
  ['grabcut', 'foreground', '1', '/foreground'],
  ['grabcut', 'foreground', '1,99', '/foreground'],
  ['grabcut', 'foreground', '1,1;', '/foreground'],
  ['grabcut', 'background', '1,1;2,2,2', '/background'],
  ['grabcut', 'background', '1,1;2,9', '/background'],
  ['watershed', 'markers', 'levels', '/markers'],
  ['watershed', 'markers', 'levels:30', '/markers'],
  ['watershed', 'markers', '{"from":"levels","low":30,"high":40}', '/markers'],
  ['watershed', 'markers', 'space:3', '/markers'],
  ['watershed', 'markers', 'levels:30,20', '/markers'],
  ['watershed', 'markers', 'levels:30,256', '/markers'],
  ['watershed', 'markers', 'distance:0', '/markers'],
  ['watershed', 'markers', 'distance:10,300', '/markers'],
  ['watershed', 'markers', 'points:99,0', '/markers'],
  ['watershed', 'markers', 'points:', '/markers'],
  ['watershed', 'markers', 'points:0,0|3', '/markers'],
  ['color', 'point', '1', '/point'],
  ['color', 'point', '1,99', '/point'],
  ['color', 'point', '1,1,1', '/point'],
];

const isPlain = (schema: TSchema) => schema.$ref === undefined && schema.type !== 'array';

/** Values that a plain schema refuses, as JSON. */
function wrongValues({ type, minimum, maximum }: TSchema): unknown[] {
  const outside = [minimum - 1, maximum + 1].filter(Number.isFinite);
  switch (type) {
    case 'integer':
      return ['x', null, true, [], 1.5, ...outside];
    case 'number':
      return ['x', null, true, {}, ...outside];
    case 'boolean':
      return ['yes', null, 1, []];
    default:
      return ['bogus', null, 7, ['otsu'], ''];
  }
}

/** The same as text. */
function wrongTexts({ type, minimum, maximum }: TSchema): string[] {
  const outside = [minimum - 1, maximum + 1].filter(Number.isFinite).map(String);
  switch (type) {
    case 'integer':
      return ['x', '1.5', '1&NAME=2', ...outside];
    case 'number':
      return ['x', 'NaN', '1&NAME=2', ...outside];
    case 'boolean':
      return ['maybe', '2', 'true&NAME=false'];
    default:
      return ['bogus', '', 'bogus&NAME=bogus'];
  }
}

let served: TestApp;
let send: TestApp['send'];
let url: string;
t.before(async () => {
  served = await createTestApp(t);
  const bytes = await sharp(Buffer.from([0, 9, 99, 200, 150, 255, 3, 60, 80]), {
    raw: { width: 3, height: 3, channels: 1 },
  })
    .png()
    .toBuffer();
  const { image } = (await served.upload({ bytes, filename: 'core.png' })).json().results[0];
  url = `/images/${image.id}/segmentation`;
  send = served.send;
});

/** The base of a method as a query: boxes as text. */
function baseQuery(method: MethodName): string {
  const { box, ...rest } = BASES[method];
  const query = new URLSearchParams({ method, ...(rest as Record<string, string>) });
  if (box !== undefined) query.set('box', '0,0,2,2');
  return String(query);
}

const faultsOf = (body: string): string[] =>
  JSON.parse(body).errors?.map(
    ({ location, path }: { location: string; path: string }) => `${location} ${path}`,
  );

t.test('each parameter of each method, wrong in each way', async (t) => {
  let checked = 0;
  const refuse = async (name: string, response: ReturnType<typeof send>, fault: string) => {
    const { statusCode, body } = await response;
    t.match([statusCode, faultsOf(body)], [422, [fault]], `${name}: ${body}`);
    checked += 1;
  };
  for (const method of METHOD_NAMES) {
    const { properties } = METHODS[method].params as { properties: Record<string, TSchema> };
    for (const [name, schema] of Object.entries(properties)) {
      if (name === 'method' || !isPlain(schema)) continue;
      for (const value of wrongValues(schema)) {
        const body = { method, ...BASES[method], [name]: value };
        await refuse(JSON.stringify(body), send('POST', url, body), `body /${name}`);
      }
      const others = baseQuery(method).replace(new RegExp(`&${name}=[^&]*`), '');
      for (const text of wrongTexts(schema)) {
        const query = `${others}&${name}=${text.replace('NAME', name)}`;
        await refuse(query, send('GET', `${url}?${query}`), `query /${name}`);
      }
    }
  }
  for (const [method, name, value, path] of NESTED_IN_BODY) {
    const body = { method, ...BASES[method], [name]: value };
    await refuse(JSON.stringify(body), send('POST', url, body), `body ${path}`);
  }
  for (const [method, name, text, path] of NESTED_IN_QUERY) {
    const query = new URLSearchParams(baseQuery(method));
    query.set(name, text);
    await refuse(String(query), send('GET', `${url}?${query}`), `query ${path}`);
  }
  t.ok(checked > 500, `${checked} requests`);
});

t.test('a parameter that the method does not have is not passed over', async (t) => {
  const names = new Set(METHOD_NAMES.flatMap((method) => Object.keys(METHODS[method].params.properties)));
  for (const method of METHOD_NAMES) {
    for (const name of [...names, 'bogus']) {
      if (name in METHODS[method].params.properties) continue;
      const schema = METHOD_NAMES.map(
        (other) => (METHODS[other].params as { properties: Record<string, TSchema> }).properties[name],
      ).find((found) => found !== undefined);
      const value = schema?.default ?? schema?.minimum ?? schema?.enum?.[0] ?? '#ff0000';
      const inBody = await send('POST', url, { method, ...BASES[method], [name]: value });
      t.match([inBody.statusCode, faultsOf(inBody.body)], [422, [`body /${name}`]], `${method}, ${name}`);
      const texts: Record<string, string> = {
        box: '0,0,2,2',
        point: '1,1',
        foreground: '1,1',
        background: '1,1',
      };
      const text = texts[name] ?? (name === 'markers' ? 'distance:10' : String(value));
      const inQuery = await send('GET', `${url}?${baseQuery(method)}&${name}=${encodeURIComponent(text)}`);
      t.match(
        [inQuery.statusCode, faultsOf(inQuery.body)],
        [422, [`query /${name}`]],
        `${method}, ${name}: ${inQuery.body}`,
      );
    }
  }
});

t.test('all faults are listed, those of the chosen method alone', async (t) => {
  const inBody = await send('POST', `${url}?colour=red`, {
    method: 'kmeans',
    clusters: 99,
    seed: -1,
    bogus: 1,
    channel: 'red',
  });
  t.strictSame(faultsOf(inBody.body).sort(), [
    'body /bogus',
    'body /channel',
    'body /clusters',
    'body /seed',
    'query /colour',
  ]);
  const unnamed = await send('POST', url, { clusters: 3, channel: 'cyan' });
  t.strictSame(faultsOf(unnamed.body).sort(), ['body /channel', 'body /clusters'], 'those of otsu');
  const inQuery = await send('GET', `${url}?method=kmeans&clusters=99&seed=-1&bogus=1`);
  t.strictSame(faultsOf(inQuery.body).sort(), ['query /bogus', 'query /clusters', 'query /seed']);
});

t.test('bodies that are not parameters', async (t) => {
  for (const payload of ['null', '[]', '"otsu"', '7']) {
    const response = await served.app.inject({
      method: 'POST',
      url,
      payload,
      headers: { 'content-type': 'application/json' },
    });
    t.equal(response.statusCode, 422, `${payload}: ${response.body}`);
  }
  for (const method of ['magic', 'constructor', '', 7, null]) {
    const response = await send('POST', url, { method });
    t.match([response.statusCode, faultsOf(response.body)], [422, ['body /method']], String(method));
  }
  t.match(faultsOf((await send('GET', `${url}?method=magic`)).body), ['query /method']);
  for (const [body, path] of [
    [{ method: 'threshold' }, 'body /value'],
    [{ method: 'threshold', value: 3, adaptive: 'mean' }, 'body /adaptive'],
    [{ method: 'threshold', adaptive: 'mean', block_size: 4 }, 'body /block_size'],
    [{ method: 'grabcut' }, 'body /box'],
    [{ method: 'color' }, 'body /color'],
    [{ method: 'kmeans', open: 1 }, 'body /open'],
    [{ page: 1 }, 'body /page'],
  ] as const) {
    t.match(faultsOf((await send('POST', url, body)).body), [path], JSON.stringify(body));
  }
});
