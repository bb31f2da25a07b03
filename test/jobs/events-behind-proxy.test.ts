import t from 'tap';
import { eventually, startServer } from '../safety/processes.ts';
import { multipartBody } from '../support/app.ts';
import { makeApiKey, REQUIRED_AUTHENTICATION } from '../support/credentials.ts';
import { createTestDatabase } from '../support/database.ts';
import { makeReachableFolder } from '../support/folders.ts';
import { readEvents } from './event-reader.ts';
import { hasNginx, startNginx } from './nginx.ts';
import { makePicture } from './support.ts';

const TABS = 7;
const IMAGES = 60;

t.test(
  'events pass through two processes and nginx, and end with their credential',
  { skip: hasNginx ? false : 'needs nginx' },
  async (t) => {
    const { url } = await createTestDatabase(t);
    const start = async () =>
      startServer(t, {
        ...REQUIRED_AUTHENTICATION,
        DATABASE_URL: url,
        DATA_DIR: await makeReachableFolder(t),
      });
    const [first, second] = [await start(), await start()];
    const address = await startNginx(t, [first.port, second.port]);
    const headers = {
      'x-api-key': await makeApiKey(`http://127.0.0.1:${first.port}`, {
        name: 'events',
        preset: 'read_write',
      }),
    };

    const files = await Promise.all(Array.from({ length: IMAGES }, (_, index) => makePicture(index)));
    const { body, headers: type } = multipartBody(
      files.map((bytes, index) => ({ bytes, filename: `${index}.png` })),
    );
    const uploaded = await fetch(`${address}/images`, {
      method: 'POST',
      body: new Uint8Array(body),
      headers: { ...headers, ...type },
    });
    const { results } = (await uploaded.json()) as { results: { image: { id: string } }[] };
    const submit = async (width: number): Promise<string> => {
      const response = await fetch(`${address}/jobs`, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify({
          operation: 'resize',
          parameters: { width },
          image_ids: results.map(({ image }) => image.id),
        }),
      });
      return ((await response.json()) as { id: string }).id;
    };

    const tabs = await Promise.all(
      Array.from({ length: TABS }, () => readEvents(t, `${address}/job-events`, headers)),
    );
    const id = await submit(20);
    const alone = await readEvents(t, `${address}/jobs/${id}/events`, headers);
    const progressAt = performance.now();
    await alone.until(() => true);
    t.ok(performance.now() - progressAt < 5_000, 'nginx does not hold events back');
    for (const tab of [alone, ...tabs]) {
      const { data } = await tab.until(({ event, data }) => event === 'end' && data.id === id, 60_000);
      t.match(data, { state: 'succeeded', progress: { done: IMAGES } });
    }

    t.test('a client that loses its connections misses no end', async (t) => {
      const ids = [await submit(21), await submit(22), await submit(23)];
      const seen = new Set<string>();
      let last: string | undefined;
      for (let round = 0; round < 200 && seen.size < ids.length; round += 1) {
        const reader = await readEvents(t, `${address}/job-events`, {
          ...headers,
          ...(last === undefined ? {} : { 'last-event-id': last }),
        });
        await eventually(() => reader.events.length > 0, 1_000);
        reader.close();
        for (const { event, id, data } of reader.events) {
          last = id;
          if (event === 'end' && ids.includes(data.id)) seen.add(data.id);
        }
      }
      t.strictSame([...seen].sort(), ids.toSorted());
    });

    t.test('a revoked key ends its streams', async (t) => {
      const keys = (await (await fetch(`${address}/api-keys`, { headers })).json()) as {
        items: { id: string }[];
      };
      await fetch(`${address}/api-keys/${keys.items[0]?.id}`, { method: 'DELETE', headers });
      t.ok(await eventually(() => tabs.every(({ hasEnded }) => hasEnded()), 15_000));
      t.equal((await fetch(`${address}/job-events`, { headers })).status, 401);
    });
  },
);
