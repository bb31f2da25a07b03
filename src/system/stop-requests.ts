/** How often the parent process is looked at. */
const PARENT_CHECK_MS = 500;

/** npm passes on a Ctrl-C that the terminal has already sent to this process. */
const REPEATED_WITHIN_MS = 500;

export interface StopRequests {
  /** Called once, with the reason. */
  stop(reason: string): void;
  /** Called if someone presses Ctrl-C again because stopping takes too long. */
  cutOff(): void;
}

/**
 * Listens for everything that asks this process to stop: SIGTERM, SIGINT (Ctrl-C), SIGHUP (the terminal was closed) and, if npm
 * has started it, the end of npm. npm passes on SIGTERM and SIGINT, but ends at a SIGHUP or SIGKILL without a word to its child.
 */
export function onStopRequest({ stop, cutOff }: StopRequests): void {
  let stoppedAt: number | undefined;
  const request = (reason: string) => {
    if (stoppedAt !== undefined) return;
    stoppedAt = performance.now();
    stop(reason);
  };
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => request(signal));
  process.on('SIGINT', () => {
    if (stoppedAt === undefined) request('SIGINT');
    else if (performance.now() - stoppedAt > REPEATED_WITHIN_MS) cutOff();
  });
  if (process.env.npm_lifecycle_event === undefined) return;
  const parent = process.ppid;
  const check = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(check);
    request('npm has ended');
  }, PARENT_CHECK_MS);
  check.unref();
}
