import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import sharp from 'sharp';

interface Operation {
  operationId: string;
  parameters?: { name: string; in: string; example?: unknown }[];
  requestBody?: {
    content: Record<string, { schema?: { $ref: string }; examples?: Record<string, { value: unknown }> }>;
  };
  responses: Record<string, { content?: Record<string, unknown> }>;
}

/** Parameters with which answers are short, by the last part of the path. */
const SHORT: Readonly<Record<string, Record<string, unknown>>> = {
  histogram: { bins: 4 },
  segmentation: { min_area: 4 },
};

/** Their answers are the examples of their schemas, because real ones hold credentials and depend on who asks, or on when. */
const WITHOUT_RECORD = /^\/(auth|users|api-keys|workers|audit-events|jobs)(\/|$)/;

/** Items of a list that an example shows. */
const MAX_ITEMS = 3;

/** A plain picture with two narrow boxes: large enough for the examples of requests, and with answers that fit on a screen. */
function makePicture(): Promise<Buffer> {
  const box = (width: number, height: number) => ({
    input: { create: { width, height, channels: 3 as const, background: '#f4d35e' } },
  });
  return sharp({ create: { width: 1200, height: 900, channels: 3, background: '#5b2c0b' } })
    .composite([
      { ...box(6, 500), left: 200, top: 300 },
      { ...box(8, 640), left: 700, top: 120 },
    ])
    .png()
    .toBuffer();
}

const LOG = 'depth,col1,col2,col3,col4\n9000.1,0,64,128,192\n9000.2,32,96,160,224\n9000.3,64,128,192,255\n';

/** Sends files as a form, and gives the answer. */
async function send(
  app: FastifyInstance,
  url: string,
  field: string,
  files: readonly [string, Buffer | string][],
) {
  const form = new FormData();
  for (const [name, bytes] of files) form.append(field, new File([bytes], name));
  const body = new Response(form);
  const payload = Buffer.from(await body.arrayBuffer());
  const headers = { 'content-type': body.headers.get('content-type') ?? '' };
  return (await app.inject({ method: 'POST', url, payload, headers })).json();
}

/**
 * An answer of each operation that answers with JSON, by its `operationId`: what the application says to the request that the
 * document fills in.
 *
 * @param app with an empty database
 */
export async function recordAnswers(app: FastifyInstance): Promise<Record<string, unknown>> {
  const { paths, components } = app.swagger() as unknown as {
    paths: Record<string, Record<string, Operation>>;
    components: { schemas: Record<string, { examples?: unknown[] }> };
  };
  const answers: Record<string, unknown> = {};
  answers.uploadImages = await send(app, '/images', 'files', [
    ['photo.png', await makePicture()],
    ['notes.txt', 'Not a picture.'],
  ]);
  answers.uploadImageLog = await send(app, '/upload?width=4', 'file', [['log.csv', LOG]]);
  const { results } = answers.uploadImages as { results: { image: { id: string } }[] };
  const image = results[0]?.image.id ?? '';
  const log = (answers.uploadImageLog as { id: string }).id;
  const post = async (path: string, payload: object) =>
    (await app.inject({ method: 'POST', url: `/images/${image}/${path}`, payload })).json().id as string;
  const picture = await post('resize', { width: 600 });
  const histogram = await post('histogram', { bins: 4 });
  const mask = await post('segmentation', { min_area: 4 });
  const frames = await app.inject({ method: 'GET', url: `/frame-sets/${log}/frames` });
  const frame: number = frames.json().items[0].id;
  const idFor = (path: string): string => {
    if (path.startsWith('/images/')) return image;
    if (path.startsWith('/frame-sets/')) return log;
    if (path.startsWith('/frames/')) return String(frame);
    if (path === '/artifacts/{id}/plot') return histogram;
    return path.startsWith('/artifacts/{id}/segments') ? mask : picture;
  };

  for (const [path, operations] of Object.entries(paths)) {
    for (const [method, { operationId, parameters = [], requestBody, responses }] of Object.entries(
      operations,
    )) {
      const isJson = Object.values(responses).some(({ content = {} }) =>
        ['application/json', 'application/geo+json'].some((type) => type in content),
      );
      if (!isJson || operationId in answers || path.endsWith('/content') || WITHOUT_RECORD.test(path))
        continue;
      const short = SHORT[path.split('/')[3] ?? ''] ?? {};
      const filledIn = parameters.filter(({ name, example }) => example !== undefined && !(name in short));
      const query = new URLSearchParams();
      for (const { name, example } of filledIn) query.set(name, String(example));
      if (method === 'get') for (const [name, value] of Object.entries(short)) query.set(name, String(value));
      const { schema, examples = {} } = requestBody?.content['application/json'] ?? {};
      const [example] = [
        ...Object.values(examples).map(({ value }) => value),
        ...(components.schemas[schema?.$ref.split('/').at(-1) ?? '']?.examples ?? []),
      ];
      const payload = requestBody && { ...(example as object), ...short };
      const answer = await app.inject({
        method: method.toUpperCase() as 'GET',
        url: `${path.replace('{id}', idFor(path))}?${query}`,
        ...(payload ? { payload } : {}),
      });
      if (answer.statusCode >= 300) throw new Error(`${operationId}: ${answer.body}`);
      answers[operationId] = answer.json();
    }
  }
  return JSON.parse(withStableValues(JSON.stringify(answers, (_, value) => shortened(value)))) as Record<
    string,
    unknown
  >;
}

function shortened(value: unknown): unknown {
  return Array.isArray(value) && typeof value[0] === 'object' ? value.slice(0, MAX_ITEMS) : value;
}

/** The text with ids and times that are the same whenever it is written. */
function withStableValues(text: string): string {
  const ids = new Map<string, string>();
  return text
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g, (id) => {
      const known = ids.get(id) ?? createHash('sha256').update(`id ${ids.size}`).digest('hex');
      ids.set(id, known);
      return [
        known.slice(0, 8),
        known.slice(8, 12),
        `4${known.slice(13, 16)}`,
        `8${known.slice(17, 20)}`,
        known.slice(20, 32),
      ].join('-');
    })
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, '2026-11-20T09:30:00.000Z');
}
