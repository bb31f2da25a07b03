import { once } from 'node:events';
import t from 'tap';
import { observeKills } from './kills.ts';
import { listens, openFleet } from './processes.ts';
import { uploadPictures } from './support.ts';

t.test('nothing is lost or done twice when processes are killed at random', async (t) => {
  const { app, start } = await openFleet(t);
  const imageIds = await uploadPictures(app, 100);
  const { wrong, succeeded, slowestMs } = await observeKills({
    store: app.services.jobs.store,
    imageIds,
    kills: 10,
    start: async () => {
      const { child, output } = start();
      await listens({ output });
      const kill = () => {
        child.kill('SIGKILL');
        return once(child, 'exit');
      };
      return { kill };
    },
    readContent: async (id) => (await app.send('GET', `/artifacts/${id}/content`)).rawPayload,
  });
  t.strictSame(wrong, []);
  t.equal(succeeded, 100);
  t.ok(
    slowestMs < 30_000,
    `what was begun was begun again ${Math.round(slowestMs)} ms after a kill at the latest`,
  );
  const { rows } = await app.services.database.pool.query('SELECT FROM artifacts');
  t.equal(rows.length, 100, 'each result is there once');
});
