import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

const PYTHON = process.env.PYTHON ?? 'python3';
const FOLDER = import.meta.dirname;

/** Whether Schemathesis is installed. */
export const hasSchemathesis = spawnSync(PYTHON, ['-c', 'import schemathesis']).status === 0;

export interface SchemathesisRun {
  /** Whether all checks of all phases passed. */
  hasPassed: boolean;
  /** What it printed of failures: each with a command that shows it again. All that it printed if it did not come so far. */
  failures: string;
  /** Phases in which requests were sent. */
  phases: string[];
  /** Operations that were tested, and those of the document. */
  tested: number;
  operations: number;
  /** Requests that were sent. */
  requests: number;
  /** Answers that are no failures for one of the reasons in `hooks.py`. */
  excluded: number;
}

/**
 * Runs Schemathesis with the settings in `schemathesis.toml` against a service.
 *
 * @param options.folder where it may write
 * @param options.seconds time in which it sends requests
 * @param options.headers headers of every request
 * @param options.options further options of its command
 */
export async function runSchemathesis(
  url: string,
  {
    folder,
    seconds,
    seed,
    headers = {},
    options = [],
  }: {
    folder: string;
    seconds: number;
    seed?: number;
    headers?: Record<string, string>;
    options?: readonly string[];
  },
): Promise<SchemathesisRun> {
  const parameters = [
    ...['-m', 'schemathesis.cli', '--config-file', path.join(FOLDER, 'schemathesis.toml')],
    ...['run', `${url}/openapi.json`, '--no-color', '--max-time', String(seconds)],
    ...(seed === undefined ? [] : ['--seed', String(seed)]),
    ...Object.entries(headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`]),
    // Without authentication, no credential is looked at.
    ...(Object.keys(headers).length === 0 ? ['--exclude-checks', 'ignored_auth'] : []),
    ...options,
  ];
  const child = spawn(PYTHON, parameters, {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      SCHEMATHESIS_HOOKS: path.join(FOLDER, 'hooks.py'),
      PYTHONDONTWRITEBYTECODE: '1',
      PYTHONIOENCODING: 'utf-8',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const [status] = await once(child, 'close');
  const hasPassed = status === 0;
  const [failures = output] = /^=+ (FAILURES|ERRORS) =+$.*(?=^=+ (WARNINGS|SUMMARY) =)/ms.exec(output) ?? [];
  return { ...readSummary(output), hasPassed, failures: hasPassed ? '' : failures };
}

function readSummary(output: string): Omit<SchemathesisRun, 'hasPassed' | 'failures'> {
  const numbers = (pattern: RegExp) => (pattern.exec(output) ?? []).slice(1).map((text) => Number(text));
  const [operations = 0] = numbers(/^ {2}Selected: \d+\/(\d+)$/m);
  const [tested = 0] = numbers(/^ {2}Tested: (\d+)$/m);
  const [requests = 0] = numbers(/^ {2}(\d+) generated/m);
  const [excluded = 0] = numbers(/^Filtered: (\d+) /m);
  const phases = [...output.matchAll(/^ {2}[✅❌] (Examples|Coverage|Fuzzing|Stateful)$/gmu)];
  return { phases: phases.map(([, name = '']) => name), tested, operations, requests, excluded };
}
