import t from 'tap';
import { SCOPES } from '../../../src/auth/scopes.ts';
import { startServer } from '../../safety/processes.ts';
import { makeApiKey, REQUIRED_AUTHENTICATION } from '../../support/credentials.ts';
import { createTestDatabase } from '../../support/database.ts';
import { makeReachableFolder } from '../../support/folders.ts';
import { hasSchemathesis, runSchemathesis } from './schemathesis/run.ts';

const SECONDS = 120;
const SECONDS_WITH_KEY = 25;

/** Operations that could end the key that sends them, by itself or with its user. The run without authentication has them, too. */
const ENDS_THE_KEY = ['deleteApiKey', 'updateUser', 'deleteUser'];

const skip = hasSchemathesis ? false : 'needs Python with test/requirements.txt (PYTHON)';

t.test(
  'Schemathesis finds no request that is answered in another way than the document says',
  { skip },
  async (t) => {
    const { url } = await createTestDatabase(t);
    const { port } = await startServer(t, {
      DATABASE_URL: url,
      DATA_DIR: await makeReachableFolder(t),
      IS_FUZZED: 'true',
    });
    const address = `http://127.0.0.1:${port}`;
    const run = await runSchemathesis(address, { folder: t.testdir(), seconds: SECONDS });
    t.equal(run.failures, '');
    t.ok(run.hasPassed);
    t.strictSame(run.phases, ['Examples', 'Coverage', 'Fuzzing', 'Stateful']);
    t.ok(
      run.operations > 0 && run.tested === run.operations,
      `${run.tested} of ${run.operations} operations`,
    );
    t.ok(run.requests > 1000, `${run.requests} requests`);
  },
);

t.test("nor with an administrator's API key where authentication is required", { skip }, async (t) => {
  const { url } = await createTestDatabase(t);
  const { port } = await startServer(t, {
    ...REQUIRED_AUTHENTICATION,
    DATABASE_URL: url,
    DATA_DIR: await makeReachableFolder(t),
    IS_FUZZED: 'true',
  });
  const address = `http://127.0.0.1:${port}`;
  const key = await makeApiKey(address, {
    name: 'schemathesis',
    scopes: SCOPES,
  });
  const run = await runSchemathesis(address, {
    folder: t.testdir(),
    seconds: SECONDS_WITH_KEY,
    headers: { 'X-API-Key': key },
    options: ENDS_THE_KEY.flatMap((operationId) => ['--exclude-operation-id', operationId]),
  });
  t.equal(run.failures, '');
  t.ok(run.hasPassed);
  t.ok(run.requests > 100, `${run.requests} requests`);

  const document = (await (await fetch(`${address}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, { security: object[] }>>;
  };
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, { security }] of Object.entries(operations)) {
      if (security.length === 0) continue;
      const target = `${address}${path.replaceAll(/\{\w+\}/g, '5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11')}`;
      const { status } = await fetch(target, { method: method.toUpperCase() });
      t.equal(status, 401, `${method} ${path} without a credential`);
    }
  }
});
