import t from 'tap';
import { openEmbeddedServer } from '../../src/db/embedded/embedded-server.ts';
import { listen } from '../safety/listening.ts';
import { signalTree } from '../safety/outages.ts';
import { makeReachableFolder } from '../support/folders.ts';
import { allowedMs } from '../support/time.ts';
import { observeJobOutage } from './outages.ts';
import { uploadPictures } from './support.ts';

for (const kind of ['hangs', 'dies'] as const)
  t.test(`no job is lost while the database ${kind} for longer than a lease`, async (t) => {
    const dataDir = await makeReachableFolder(t);
    let database = await openEmbeddedServer({ dataDir });
    t.teardown(() => database.close());
    const app = await listen(t, {
      DATABASE_URL: database.url,
      JOB_LEASE_SECONDS: '2',
      IMAGE_CONCURRENCY: '3',
      JOB_CONCURRENCY: '2',
    });
    const imageIds = await uploadPictures(app, 4);
    const { pid } = database;
    const report = await observeJobOutage({
      port: app.port,
      databaseUrl: database.url,
      imageIds,
      durationMs: 5_000,
      begin: () => signalTree(pid, kind === 'hangs' ? 'SIGSTOP' : 'SIGKILL'),
      end: async () => {
        if (kind === 'hangs') return signalTree(pid, 'SIGCONT');
        const dead = database;
        database = await openEmbeddedServer({ dataDir });
        await dead.close();
      },
    });
    t.strictSame([report.statuses, report.withoutRetryAfter], [[503], 0], `${report.refused} were refused`);
    t.equal(report.succeeded, report.submitted, `of ${report.submitted} jobs`);
    t.equal(report.deaths, 0);
    // Items that a lost answer has claimed wait for their leases, which are respected for a while after the database's return.
    t.ok(report.recoveryMs < allowedMs(10_000), `after ${Math.round(report.recoveryMs)} ms it went on`);
  });
