import { onStopRequest } from './stop-requests.ts';

interface ProcessLog {
  info(details: object | string, message?: string): void;
  warn(message: string): void;
  error(details: object, message: string): void;
  fatal(details: object, message: string): void;
}

export interface ProcessOptions {
  /** @returns a function that stops what was started */
  start(): Promise<() => Promise<void>>;
  log: ProcessLog;
  /** Maximum milliseconds that stopping takes. */
  graceMs: number;
  /** What runs, for the log: `requests`. */
  running: string;
}

/**
 * Starts the service of this process, and ends the process when somebody asks it to stop, or after an error that nobody has caught.
 *
 * @throws why the start failed
 */
export async function runUntilStopped({ start, log, graceMs, running }: ProcessOptions): Promise<void> {
  const starting = start();
  let isStopping = false;
  const cutOff = (exitCode: number) => {
    log.warn(`running ${running} took too long and were cut off`);
    process.exit(exitCode);
  };
  const stop = async (reason: string, exitCode: number): Promise<void> => {
    if (isStopping) return;
    isStopping = true;
    log.info({ reason }, `stopping: finishing running ${running}`);
    setTimeout(cutOff, graceMs, exitCode).unref();
    const close = await starting.catch(() => undefined);
    // A start that has failed says why and ends the process.
    if (close === undefined) return;
    try {
      await close();
      log.info('stopped');
    } catch (error) {
      log.error({ err: error }, 'stopping failed');
    }
    process.exit(exitCode);
  };
  onStopRequest({ stop: (reason) => void stop(reason, 0), cutOff: () => cutOff(0) });
  // Only what has caused it has failed, so the rest goes on.
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'unhandled rejection'));
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'uncaught exception');
    void stop('uncaughtException', 1);
  });
  await starting;
}
