import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Worker } from './child.ts';
import { treeCpu } from './processes.ts';

const REQUIREMENTS = fileURLToPath(new URL('../../test/requirements.txt', import.meta.url));

/**
 * Starts a Python program that exchanges requests and answers as lines of JSON; its first line says that it is ready. The
 * interpreter is `PYTHON` (default: python3).
 *
 * @throws Error that says how to install missing modules
 */
export async function startPython<Request extends object, Result>(
  script: URL,
): Promise<Worker<Request, Result>> {
  const python = process.env.PYTHON ?? 'python3';
  const child = spawn(python, [fileURLToPath(script)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = async () => (await Promise.race([lines.next(), exited]))?.value;
  const { pid } = child;
  if (pid === undefined || (await nextLine()) === undefined) {
    throw new Error(
      `${python} cannot run ${fileURLToPath(script)}. It needs Python 3.11 or newer with the modules of ${REQUIREMENTS}:\n` +
        `  python3 -m venv /tmp/floor && /tmp/floor/bin/pip install -r ${REQUIREMENTS}\n` +
        '  PYTHON=/tmp/floor/bin/python npm run bench -- NAME',
    );
  }
  return {
    async call(request) {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      const line = await nextLine();
      if (line === undefined) throw new Error(`${fileURLToPath(script)} ended.`);
      return (JSON.parse(line) as { result: Result }).result;
    },
    cpu: () => treeCpu(pid),
    async stop() {
      child.stdin.end();
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}
