import { readFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { createTestApp, multipartBody, type TestApp } from '../../support/app.ts';

const EXAMPLES = path.resolve(import.meta.dirname, '../../../examples');

interface Link {
  operationId: string;
  parameters: { id: string };
}

interface Document {
  paths: Record<string, Record<string, { operationId: string; responses: Record<string, Answer> }>>;
  components: { links: Record<string, Link> };
}

interface Answer {
  links?: Record<string, { $ref: string }>;
}

/** Bodies of the operations that need one. */
const BODIES: Record<string, object> = {
  updateImage: { filename: 'renamed.jpg' },
  resizeImage: { width: 100 },
  transformImage: { operations: [{ op: 'grayscale' }] },
  transformArtifact: { operations: [{ op: 'flip' }] },
  updateFrameSet: { name: 'renamed' },
};

/** Calls an operation by its name. */
async function call({ send }: TestApp, { paths }: Document, name: string, id: string) {
  for (const [template, methods] of Object.entries(paths)) {
    for (const [method, { operationId }] of Object.entries(methods)) {
      if (operationId !== name) continue;
      const body = BODIES[name] ?? (method === 'post' ? {} : undefined);
      return send(method.toUpperCase() as 'GET', template.replace('{id}', id), body);
    }
  }
  throw new Error(`There is no operation ${name}.`);
}

/** What a runtime expression (`$response.body#/id`) stands for. */
function evaluate(expression: string, body: unknown): string {
  const [, pointer = ''] = /^\$response\.body#\/(.+)$/.exec(expression) ?? [];
  const found = pointer
    .split('/')
    .reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], body);
  return String(found);
}

t.test('every link of an answer leads to an operation that works with its id', async (t) => {
  // Nobody works on jobs, so that they can be cancelled.
  const app = await createTestApp(t, { JOB_CONCURRENCY: '0' });
  const document: Document = (await app.send('GET', '/openapi.json')).json();
  const linked = new Map(
    Object.values(document.paths).flatMap((methods) =>
      Object.values(methods).map(({ operationId, responses }) => [
        operationId,
        Object.entries(responses).flatMap(([status, { links = {} }]) =>
          Object.values(links).map(({ $ref }) => ({ status, name: $ref.split('/').at(-1) ?? '' })),
        ),
      ]),
    ),
  );
  let followed = 0;
  const follow = async (
    operationId: string,
    make: () => Promise<{ statusCode: number; json(): unknown }>,
  ) => {
    const made = await make();
    t.ok(made.statusCode < 300, operationId);
    for (const { status, name } of linked.get(operationId) ?? []) {
      if (Number(status) !== made.statusCode) continue;
      const { operationId: next, parameters } = document.components.links[name] as Link;
      const answer = await call(app, document, next, evaluate(parameters.id, made.json()));
      t.ok(answer.statusCode < 300, `${operationId}, then ${next}: ${answer.statusCode}`);
      followed += 1;
    }
  };
  const photo = await readFile(path.join(EXAMPLES, 'photo.jpg'));
  const upload = () => app.upload({ bytes: photo, filename: 'photo.jpg' });
  await follow('uploadImages', upload);
  const image = (await upload()).json().results[0].image.id;
  for (const name of ['resizeImage', 'measureImageHistogram', 'segmentImage'])
    await follow(name, () => call(app, document, name, image));
  const job = { operation: 'resize', parameters: { width: 9 }, image_ids: [image] };
  await follow('createJob', () => app.send('POST', '/jobs', job));
  const bytes = Buffer.from('depth,col1,col2\n1,2,3\n2,3,4\n');
  const { body, headers } = multipartBody([{ bytes, filename: 'log.csv', field: 'file' }]);
  const uploadLog = () => app.app.inject({ method: 'POST', url: '/upload', payload: body, headers });
  await follow('uploadImageLog', uploadLog);
  const frameSet = (await uploadLog()).json().id;
  await follow('listFrames', () => call(app, document, 'listFrames', frameSet));
  t.ok(followed > 30, `${followed} links`);
});
