// Run by tap before the test files: starts their PostgreSQL, and leaves it to a keeper that lives as long as tap does, so that
// the server is not stopped and started between two files.
import { spawn } from 'node:child_process';
import path from 'node:path';

if (!process.env.TEST_DATABASE_URL) {
  const keeper = spawn(
    process.execPath,
    [path.join(import.meta.dirname, 'keep-database-server.ts'), String(process.ppid)],
    { detached: true, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
  );
  keeper.once('message', () => {
    keeper.disconnect();
    keeper.unref();
  });
  keeper.once('exit', (status) => {
    process.exitCode = status ?? 1;
  });
}
