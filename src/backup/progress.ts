/** Where a command reports how far it is. */
export interface Progress {
  /** A new part of the work begins. */
  step(text: string): void;
  /**
   * Bytes of the current part are done.
   *
   * @throws the signal's reason if the command was interrupted
   */
  add(bytes: number): void;
}

const REFRESH_MS = 200;

/** @returns a size for people, in decimal units */
export function formatBytes(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1000 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1);
  return power === 0 ? `${bytes} bytes` : `${(bytes / 1000 ** power).toFixed(1)} ${units[power]}`;
}

/**
 * Shows one line on a terminal, which is rewritten; writes nothing elsewhere, so that a successful job of cron stays quiet.
 *
 * @param signal interrupts the work at the next `add`
 */
export function createProgress(
  output: { isTTY?: boolean; write(text: string): unknown },
  signal: AbortSignal,
): Progress & { clear(): void } {
  let label = '';
  let done = 0;
  let shownAt = 0;
  const show = () => {
    if (!output.isTTY) return;
    shownAt = performance.now();
    output.write(`\r\x1b[K${label}${done > 0 ? `: ${formatBytes(done)}` : ''}`);
  };
  return {
    step(text) {
      signal.throwIfAborted();
      label = text;
      done = 0;
      show();
    },
    add(bytes) {
      signal.throwIfAborted();
      done += bytes;
      if (performance.now() - shownAt > REFRESH_MS) show();
    },
    clear() {
      if (output.isTTY) output.write('\r\x1b[K');
    },
  };
}
