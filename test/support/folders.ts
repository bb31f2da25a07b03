import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A temporary folder that the server's user may enter when the tests run as root; removed with the test. */
export async function makeReachableFolder(t: {
  teardown(work: () => Promise<unknown>): unknown;
}): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'coreframe-'));
  await chmod(folder, 0o755);
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
