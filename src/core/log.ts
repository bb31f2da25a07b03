import pino, { type Logger } from 'pino';
import { StringEnum } from './schema.ts';

export const logSettings = {
  LOG_LEVEL: StringEnum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
    description: 'Minimum severity of log lines.',
    default: 'info',
  }),
};

/** @fastify/multipart logs the headers of an upload at the level `trace`, with its credential. */
export const LOG_REDACTION = { paths: ['busboyOptions.headers'], remove: true };

/**
 * The log on standard output. Lines are buffered for up to 0.1 s, because each write is a system call. A process that exits
 * writes its buffer; one that is killed loses it. If the disk is full or the reader has gone, the process runs on without a
 * log.
 */
export function createLogger(level: string): Logger {
  const output = pino.destination({
    dest: 1,
    sync: true,
    minLength: 4096,
    maxLength: 1024 * 1024,
    periodicFlush: 100,
  });
  output.on('error', () => undefined);
  // pino calls it after a fatal line. The original retries forever if the disk is full.
  output.flushSync = () => output.flush();
  process.on('exit', () => output.flush());
  return pino(
    {
      level,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      base: null,
      redact: LOG_REDACTION,
    },
    output,
  );
}
