import pino, { type Logger } from 'pino';
import { StringEnum } from './schema.ts';

export const logSettings = {
  LOG_LEVEL: StringEnum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
    description: 'Minimum severity of log lines.',
    default: 'info',
  }),
};

/** Longest time that a line waits, in milliseconds. */
const FLUSH_MS = 100;
/** Gathered characters that are written at once. */
const FLUSH_LENGTH = 16 * 1024;
/** Characters kept while they cannot be written; past it lines are dropped. */
const MAX_UNWRITTEN = 1024 * 1024;

/** pino's `isoTime`, with the text made once a millisecond: several lines of a busy server share it. */
function createTimestamp(): () => string {
  let at = 0;
  let text = '';
  return () => {
    const now = Date.now();
    if (now !== at) text = `,"time":"${new Date(now).toISOString()}"`;
    at = now;
    return text;
  };
}

/**
 * Gathers lines for another destination. pino's own gathering appends each to a string and measures all of it again, which
 * copies it: 3 µs a line and twenty times its length in garbage.
 */
class GatheredLines {
  readonly #output: ReturnType<typeof pino.destination>;
  #lines: string[] = [];
  #length = 0;

  constructor(output: ReturnType<typeof pino.destination>) {
    this.#output = output;
    setInterval(() => this.flush(), FLUSH_MS).unref();
  }

  write(line: string): void {
    this.#lines.push(line);
    this.#length += line.length;
    if (this.#length >= FLUSH_LENGTH) this.flush();
  }

  flush(): void {
    if (this.#length === 0) return;
    const text = this.#lines.join('');
    this.#lines = [];
    this.#length = 0;
    this.#output.write(text);
  }

  /** pino calls it after a fatal line. */
  flushSync(): void {
    this.flush();
  }
}

/**
 * The log on standard output. Lines are gathered for up to 0.1 s: writing each one by itself took 20 µs of the 125 µs of CPU
 * that content from memory took. A process that ends writes what it has; one that is killed loses the last 0.1 s. Where the disk
 * is full or the reader has gone, the process goes on without a log. (The output's own `flushSync` would try for ever.)
 */
export function createLogger(level: string): Logger {
  const output = pino.destination({ dest: 1, sync: true, maxLength: MAX_UNWRITTEN });
  output.on('error', () => undefined);
  const lines = new GatheredLines(output);
  process.on('exit', () => lines.flush());
  return pino(
    {
      level,
      timestamp: createTimestamp(),
      formatters: { level: (label) => ({ level: label }) },
      base: null,
    },
    lines,
  );
}
