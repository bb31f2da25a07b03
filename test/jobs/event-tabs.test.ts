import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import type { OwnerId } from '../../src/auth/owner.ts';
import { blocksOf } from '../docs/blocks.ts';
import { createProtectedApp } from '../http/access/tenant.ts';
import { eventually } from '../safety/processes.ts';
import { NO_BROWSER, openBrowser } from '../support/browser.ts';
import { resizeJob } from './support.ts';

/** One more than a browser has connections to a host. */
const TABS = 7;

t.test(
  'seven tabs follow the jobs with the code of the page on jobs, also when the first is closed',
  { skip: NO_BROWSER },
  async (t) => {
    const served = await createProtectedApp(t, { JOB_CONCURRENCY: '0' });
    const { app, services, admin } = served;
    const owner = admin.id as string as OwnerId;
    const base = await app.listen({ host: '127.0.0.1', port: 0 });
    const page = await readFile(path.resolve(import.meta.dirname, '../../docs/jobs.md'), 'utf8');
    const code = blocksOf(page).find(({ language }) => language === 'js')?.code ?? '';
    const token = admin.session.authorization?.replace('Bearer ', '') ?? '';
    const start = `${code}; window.ends = []; followJobs(location.origin, () => ${JSON.stringify(token)}, (event) => {
      if (event.type === 'end') window.ends.push(event.data.id);
    });`;

    const browser = await openBrowser(t);
    // Answers allow no requests from their own pages.
    const context = await browser.newContext({ bypassCSP: true });
    const tabs = await Promise.all(Array.from({ length: TABS }, () => context.newPage()));
    for (const tab of tabs) {
      await tab.goto(`${base}/health/live`);
      await tab.evaluate(`(() => { ${start} })()`);
    }
    const end = async (): Promise<string> => {
      const { job } = await services.jobs.store.create(owner, resizeJob([randomUUID()]));
      await services.jobs.store.cancel(owner, job.id);
      return job.id;
    };
    const haveAll = async (id: string) => {
      const seen = await Promise.all(tabs.map((tab) => tab.evaluate<string[]>('window.ends')));
      return seen.every((ids) => ids.includes(id));
    };
    let first = '';
    t.ok(
      await eventually(async () => {
        first = await end();
        return eventually(() => haveAll(first), 2_000);
      }, 30_000),
      'all tabs hear of an end',
    );
    await tabs.shift()?.close();
    const second = await end();
    t.ok(await eventually(() => haveAll(second), 30_000), 'the next tab takes over, and has missed nothing');
    const answer = await tabs[0]?.evaluate<number>(`fetch('/health/live').then(({ status }) => status)`);
    t.equal(answer, 200, 'the tabs have connections left');
  },
);
