import { randomUUID } from 'node:crypto';
import type { LightMyRequestResponse } from 'fastify';
import t, { type Test } from 'tap';
import {
  type AccessDocument,
  collectRoutes,
  exampleBody,
  exampleQuery,
  operationOf,
  type RegisteredRoute,
} from './routes.ts';
import {
  type Content,
  createProtectedApp,
  type Headers,
  makeCancelledJob,
  makeContent,
  makeLog,
  makeNewPicture,
  makePicture,
  type ProtectedApp,
  type Tenant,
} from './tenant.ts';

type Method = Parameters<ProtectedApp['ask']>[1];

/** What two users own who have uploaded the same bytes and derived the same from them. */
interface Owned extends Tenant {
  content: Content;
  keyId: string;
  sessionId: string;
}

let served: ProtectedApp;
let routes: RegisteredRoute[];
let document: AccessDocument;
let ada: Owned;
let bob: Owned;

async function createOwned(name: string): Promise<Owned> {
  const tenant = await served.createTenant(name);
  const content = await makeContent(served, tenant.session, { picture: await makePicture(), log: makeLog() });
  const { id: keyId } = await served.createKey(tenant.session, ['images:read']);
  const sessions = (await served.ask(tenant.session, 'GET', '/auth/sessions')).json().items;
  return { ...tenant, content, keyId, sessionId: sessions[0].id };
}

t.before(async () => {
  [served, routes] = await collectRoutes(() => createProtectedApp(t));
  document = (await served.ask({}, 'GET', '/openapi.json')).json();
  ada = await createOwned('ada');
  bob = await createOwned('bob');
});

/** Everything that a client can compare in an answer, without the id that was asked for and what differs between any two answers. */
function comparable({ statusCode, headers, body }: LightMyRequestResponse, id: string) {
  const { date, 'x-request-id': requestId, 'content-length': length, ...others } = headers;
  const text = body.replaceAll(String(requestId), 'REQUEST').replaceAll(id, 'ID');
  // An id may be shorter than another one.
  return { status: statusCode, headers: others, body: text };
}

/** Ids of Ada, and an id of the same kind that nothing has. */
function idsFor({ url }: RegisteredRoute): [hers: string, nobodys: string] | undefined {
  const { content, keyId, sessionId } = ada;
  if (url.startsWith('/images/:id')) return [content.image, randomUUID()];
  if (url.startsWith('/artifacts/:id/segments')) return [content.mask, randomUUID()];
  if (url.startsWith('/artifacts/:id/plot')) return [content.histogram, randomUUID()];
  if (url.startsWith('/artifacts/:id')) return [content.picture, randomUUID()];
  if (url.startsWith('/frame-sets/:id')) return [content.frameSet, randomUUID()];
  if (url.startsWith('/frames/:id')) return [content.frame, '900719925474'];
  if (url.startsWith('/jobs/:id')) return [content.job, randomUUID()];
  if (url.startsWith('/api-keys/:id')) return [keyId, randomUUID()];
  if (url.startsWith('/auth/sessions/:id')) return [sessionId, randomUUID()];
  return undefined;
}

/** Fails unless a request that names something of Ada gets the same answer as one that names nothing. */
async function matchAnswers(
  t: Test,
  name: string,
  [hers, nobodys]: readonly [string, string],
  askWith: (id: string) => Promise<LightMyRequestResponse>,
): Promise<void> {
  const answer = await askWith(hers);
  const found = comparable(answer, hers);
  const wanted = comparable(await askWith(nobodys), nobodys);
  const isRefused = [404, 422].includes(answer.statusCode);
  if (isRefused && JSON.stringify(found) === JSON.stringify(wanted)) return;
  t.ok(isRefused, `${name} is refused, not answered with ${answer.statusCode}`);
  t.strictSame(found, wanted, name);
}

t.test(
  "an id of another user is answered exactly like an id that does not exist, whatever the request's conditions",
  async (t) => {
    let count = 0;
    for (const route of routes) {
      const { method, url } = route;
      const ids = idsFor(route);
      const operation = operationOf(document, route);
      if (ids === undefined || operation === undefined) continue;
      const query = method === 'POST' ? '' : exampleQuery(operation);
      const pathWith = (id: string) => `${url.replace(':id', id)}${query && `?${query}`}`;
      const body = exampleBody(document, operation);
      const conditions: Headers[] = [{}];
      if (method === 'GET' || method === 'HEAD') {
        // From now on, the process remembers what it has read for Ada.
        const { statusCode, headers } = await served.ask(ada.session, method, pathWith(ids[0]));
        t.equal(statusCode, 200, `${method} ${url} works for Ada`);
        const etag = String(headers.etag ?? '"none"');
        conditions.push(
          { 'if-none-match': etag },
          { 'if-none-match': '*' },
          { 'if-match': etag },
          { 'if-match': '"another"' },
          { range: 'bytes=0-9' },
          { range: 'bytes=999999999-' },
          { range: 'bytes=0-9', 'if-range': etag },
          { accept: 'text/plain' },
        );
      }
      for (const condition of conditions) {
        count += 1;
        const name = `${method} ${url} ${JSON.stringify(condition)}`;
        await matchAnswers(t, name, ids, (id) =>
          served.ask({ ...bob.session, ...condition }, method as Method, pathWith(id), body),
        );
      }
    }
    t.ok(count > 900, `${count} requests were compared`);
  },
);

t.test(
  'a parameter that names something of another user is answered like one that names nothing',
  async (t) => {
    const { content } = ada;
    const composite = (overlay: object) => ({ operations: [{ op: 'composite', overlay, left: 0, top: 0 }] });
    const { image: ownImage, picture: ownPicture } = bob.content;
    const json: [path: string, hers: string, body: (id: string) => object][] = [];
    for (const subject of [`/images/${ownImage}`, `/artifacts/${ownPicture}`]) {
      json.push([`${subject}/histogram`, content.mask, (mask) => ({ mask })]);
      for (const path of ['transform', 'render']) {
        json.push([`${subject}/${path}`, content.image, (id) => composite({ image_id: id })]);
        json.push([`${subject}/${path}`, content.picture, (id) => composite({ artifact_id: id })]);
      }
    }
    for (const path of ['/jobs', '/jobs/dry-run']) {
      const image_ids = [ownImage];
      const job = { operation: 'transform', image_ids };
      json.push([path, content.image, (id) => ({ ...job, image_ids: [ownImage, id] })]);
      json.push([path, content.image, (id) => ({ ...job, parameters: composite({ image_id: id }) })]);
      json.push([
        path,
        content.mask,
        (mask) => ({ operation: 'histogram', parameters: { mask }, image_ids }),
      ]);
    }
    for (const [path, hers, bodyWith] of json)
      await matchAnswers(t, `POST ${path}`, [hers, randomUUID()], (id) =>
        served.ask(bob.session, 'POST', path, bodyWith(id)),
      );

    const paths: [hers: string, (id: string) => string][] = [
      ...['', '/plot'].flatMap((part): [string, (id: string) => string][] => [
        [content.mask, (id) => `/images/${ownImage}/histogram${part}?mask=${id}`],
        [content.mask, (id) => `/artifacts/${ownPicture}/histogram${part}?mask=${id}`],
      ]),
      ...[
        '/frames?',
        '/frames/export?format=csv&',
        '/frames/export?format=ndjson&',
        '/frames/export?format=raw&',
        '/frames/picture?height=4&',
        '/frames/nearest?depth=9000.2&',
      ].flatMap((path): [string, (id: string) => string][] => [
        [content.frameSet, (id) => `${path}frame_set_id=${id}`],
        [content.frameSet, (id) => `${path}frame_set_id=${bob.content.frameSet}&frame_set_id=${id}`],
      ]),
    ];
    for (const [hers, pathWith] of paths) {
      const { headers } = await served.ask(ada.session, 'GET', pathWith(hers));
      for (const method of ['GET', 'HEAD'] as const) {
        for (const condition of [{}, { 'if-none-match': String(headers.etag ?? '*') }])
          await matchAnswers(t, `${method} ${pathWith('ID')}`, [hers, randomUUID()], (id) =>
            served.ask({ ...bob.session, ...condition }, method, pathWith(id)),
          );
      }
    }
    // The same requests succeed with what Bob has.
    const mask = await served.ask(bob.session, 'POST', `/images/${ownImage}/histogram`, {
      mask: bob.content.mask,
    });
    t.equal(mask.statusCode, 201);
    const overlaid = composite({ image_id: ownImage });
    t.equal((await served.ask(bob.session, 'POST', `/images/${ownImage}/render`, overlaid)).statusCode, 200);
  },
);

/** Texts by which Ada's things could be recognized. */
const tracesOf = ({ id, email, content, keyId, sessionId }: Owned): string[] =>
  [id, email, keyId, sessionId, ...Object.values(content)].filter((text) => text.length > 12);

t.test('lists, pages and searches show nothing of another user, not even with their cursor', async (t) => {
  const lists = [
    '/images',
    '/images?name_contains=photo',
    '/images?sort=size',
    '/artifacts',
    '/artifacts?kind=mask',
    '/artifacts?retention=cached',
    `/images/${bob.content.image}/artifacts`,
    `/artifacts/${bob.content.mask}/artifacts`,
    '/frame-sets',
    '/frame-sets?name=log',
    '/jobs',
    '/jobs?operation=histogram',
    `/jobs/${bob.content.job}/items`,
    '/api-keys',
    '/auth/sessions',
  ];
  await served.sendFile(ada.session, '/images', { name: 'photo-2.png', bytes: await makeNewPicture() });
  await served.sendFile(ada.session, '/upload?width=4', { name: 'log-2.csv', bytes: makeLog(70) });
  await served.createKey(ada.session, ['images:read']);
  await served.logIn(ada.email);
  await makeCancelledJob(served, ada.session, ada.content.image);
  const all: string[] = [];
  for (const list of lists) {
    const join = list.includes('?') ? '&' : '?';
    const own = await served.ask(bob.session, 'GET', list);
    t.equal(own.statusCode, 200, list);
    t.ok(own.json().items.length > 0, `${list} is not empty`);
    all.push(own.body);
    const hers = list
      .replace(bob.content.image, ada.content.image)
      .replace(bob.content.mask, ada.content.mask)
      .replace(bob.content.job, ada.content.job);
    const { next_cursor: cursor } = (await served.ask(ada.session, 'GET', `${hers}${join}limit=1`)).json();
    if (cursor === null) continue;
    const page = await served.ask(bob.session, 'GET', `${list}${join}cursor=${cursor}`);
    t.equal(page.statusCode, 200, `${list} with the cursor of another user`);
    all.push(page.body);
  }
  for (const path of ['/frames', '/frames?order=file', '/frames/export?format=ndjson']) {
    const join = path.includes('?') ? '&' : '?';
    const own = await served.ask(bob.session, 'GET', path);
    t.equal(own.headers['x-frame-count'], '6', `${path} counts Bob's frames alone`);
    const first = await served.ask(
      ada.session,
      'GET',
      `${path}${join}limit=2&frame_set_id=${ada.content.frameSet}`,
    );
    const [, cursor = ''] = /cursor=([^&>]+)/.exec(String(first.headers.link)) ?? [];
    t.not(cursor, '', 'Ada has another page');
    const page = await served.ask(bob.session, 'GET', `${path}${join}limit=100&cursor=${cursor}`);
    t.equal(page.statusCode, 200, `${path} with the cursor of another user`);
    all.push(own.body, page.body);
  }
  all.push((await served.ask(bob.session, 'GET', '/frames/nearest?depth=9000.2')).body);
  all.push((await served.ask(bob.session, 'GET', '/users/me')).body);
  for (const trace of tracesOf(ada))
    t.notOk(
      all.some((body) => body.includes(trace)),
      `nothing shows ${trace}`,
    );
  t.ok(
    all.some((body) => body.includes(bob.content.image)),
    "Bob's things are there",
  );
  // If Ada's frames were in it, it would be higher.
  const picture = await served.ask(bob.session, 'GET', '/frames/picture');
  t.equal(picture.statusCode, 200);
  t.equal(picture.headers['x-frame-count'], '6');
});

/** The names of all members, and of the headers, with the values of those that say how something was stored. */
function shapeOf({ statusCode, headers, body }: LightMyRequestResponse) {
  const names = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(names);
    if (typeof value !== 'object' || value === null) return typeof value;
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, names(member)]));
  };
  const { status } = JSON.parse(body).results?.[0] ?? {};
  return { statusCode, status, headers: Object.keys(headers).sort(), body: names(JSON.parse(body)) };
}

t.test('to upload what another user has is like uploading what nobody has, and counts in full', async (t) => {
  const carol = await served.createTenant('carol');
  const storedBytes = async (): Promise<number> =>
    (await served.ask(carol.session, 'GET', '/users/me')).json().stored_bytes;
  t.equal(await storedBytes(), 0);
  const sendImage = (bytes: Buffer) =>
    served.sendFile(carol.session, '/images', { name: 'photo.png', bytes });
  const known = await makePicture();
  const first = await sendImage(known);
  t.equal(first.statusCode, 201);
  t.equal(first.json().results[0].status, 'created');
  t.notOk(
    tracesOf(ada).some((trace) => first.body.includes(trace)),
    'it has an id of its own',
  );
  t.equal(await storedBytes(), known.length);
  const unknown = await makeNewPicture();
  t.strictSame(shapeOf(first), shapeOf(await sendImage(unknown)));
  t.equal(await storedBytes(), known.length + unknown.length);
  t.equal(
    (await sendImage(known)).json().results[0].status,
    'existing',
    "Carol's own second upload is known",
  );

  const sendLog = (bytes: Buffer) =>
    served.sendFile(carol.session, '/upload?width=4', { name: 'log.csv', bytes });
  const before = await storedBytes();
  const log = await sendLog(makeLog());
  t.equal(log.statusCode, 201);
  t.equal(await storedBytes(), before + makeLog().length);
  t.strictSame(shapeOf(log), shapeOf(await sendLog(makeLog(99))));
  t.equal((await sendLog(makeLog())).statusCode, 200);

  const deriveFrom = async (answer: LightMyRequestResponse) =>
    served.ask(carol.session, 'POST', `/images/${answer.json().results[0].image.id}/resize`, { width: 600 });
  const derived = await deriveFrom(first);
  t.equal(derived.statusCode, 201, 'what another user has derived is derived again');
  t.strictSame(shapeOf(derived), shapeOf(await deriveFrom(await sendImage(await makeNewPicture()))));
});

t.test('a quota refuses what another user has like what nobody has', async (t) => {
  const { ask, sendFile, admin } = served;
  const frank = await served.createTenant('frank');
  const known = await makePicture();
  const limit = { storage_quota_bytes: known.length - 1 };
  t.equal((await ask(admin.session, 'PATCH', `/users/${frank.id}`, limit)).statusCode, 200);
  const answers = await Promise.all(
    [known, await makePicture('#20304b')].map((bytes) =>
      sendFile(frank.session, '/images', { name: 'photo.png', bytes }),
    ),
  );
  for (const answer of answers) t.equal(answer.statusCode, 413, answer.body);
  const withoutNumbers = answers.map(({ body, headers }) =>
    body.replaceAll(String(headers['x-request-id']), '').replaceAll(/\d+ bytes/g, 'bytes'),
  );
  t.equal(withoutNumbers[0], withoutNumbers[1]);
  t.equal((await ask(frank.session, 'GET', '/users/me')).json().stored_bytes, 0);
});

t.test('equal requests of two users at the same time make an artifact for each', async (t) => {
  for (const [path, body] of [
    ['resize', { width: 333 }],
    ['segmentation', { min_area: 9 }],
    ['histogram', { bins: 7 }],
  ] as const) {
    const asked = [ada, bob, ada, bob, ada, bob].map(async (tenant) => {
      const url = `/images/${tenant.content.image}/${path}`;
      return [tenant, await served.ask(tenant.session, 'POST', url, body)] as const;
    });
    const ids = { ada: new Set<string>(), bob: new Set<string>() };
    for (const [tenant, answer] of await Promise.all(asked)) {
      const artifact = answer.json();
      ids[tenant === ada ? 'ada' : 'bob'].add(artifact.id);
      t.equal(artifact.inputs[0].id, tenant.content.image, 'it is made from their own image');
      t.equal((await served.ask(tenant.session, 'GET', `/artifacts/${artifact.id}`)).statusCode, 200);
    }
    t.equal(ids.ada.size, 1);
    t.equal(ids.bob.size, 1);
    t.not([...ids.ada][0], [...ids.bob][0], 'they do not share it');
  }
  const got = await Promise.all(
    [ada, bob, ada, bob].map(async (tenant) => {
      const { image } = tenant.content;
      const answer = await served.ask(
        tenant.session,
        'GET',
        `/images/${image}/segmentation/overlay?min_area=11`,
      );
      return [tenant === ada ? 'ada' : 'bob', String(answer.headers['content-location'])] as const;
    }),
  );
  const located = (name: string) =>
    new Set(got.filter(([who]) => who === name).map(([, location]) => location));
  t.equal(located('ada').size, 1);
  t.equal(located('bob').size, 1);
  t.not([...located('ada')][0], [...located('bob')][0], 'each is told of their own artifact');
});

t.test('what one user deletes, another one still has', async (t) => {
  const [dora, emil] = [await createOwned('dora'), await createOwned('emil')];
  const contents = ({ image, picture, mask, frameSet }: Content) => [
    `/images/${image}/content`,
    `/artifacts/${picture}/content`,
    `/artifacts/${mask}/content`,
    `/artifacts/${mask}/segments`,
    `/frame-sets/${frameSet}/content`,
    `/frame-sets/${frameSet}/frames`,
  ];
  const read = async ({ session, content }: Owned) => {
    const answers = contents(content).map(async (path) => {
      const { statusCode, rawPayload } = await served.ask(session, 'GET', path);
      t.equal(statusCode, 200, path);
      return rawPayload.toString('base64');
    });
    return (await Promise.all(answers)).map((bytes, index) => (index < 5 ? bytes : bytes.length));
  };
  const before = await read(emil);
  t.strictSame(before.slice(0, 5), (await read(dora)).slice(0, 5), 'both have the same bytes');
  for (const path of [`/images/${dora.content.image}`, `/frame-sets/${dora.content.frameSet}`])
    t.equal((await served.ask(dora.session, 'DELETE', path)).statusCode, 204);
  for (const path of contents(dora.content))
    t.equal((await served.ask(dora.session, 'GET', path)).statusCode, 404, `${path} is gone`);
  t.strictSame(await read(emil), before);
  t.equal((await served.ask(dora.session, 'GET', '/users/me')).json().stored_bytes, 0);
});

t.test('at the end, everything is still there', async (t) => {
  const { image, picture, histogram, mask, form, frameSet, frame, job } = ada.content;
  for (const path of [
    `/images/${image}/content`,
    ...[picture, histogram, mask, form].map((id) => `/artifacts/${id}/content`),
    `/frame-sets/${frameSet}/content`,
    `/frames/${frame}`,
    `/jobs/${job}`,
    `/api-keys/${ada.keyId}`,
  ])
    t.equal((await served.ask(ada.session, 'GET', path)).statusCode, 200, path);
  const { filename } = (await served.ask(ada.session, 'GET', `/images/${image}`)).json();
  t.equal(filename, 'photo.png', 'nobody has renamed it');
  const { name } = (await served.ask(ada.session, 'GET', `/frame-sets/${frameSet}`)).json();
  t.equal(name, 'log');
});
