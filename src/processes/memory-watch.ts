import { readFileSync } from 'node:fs';

/**
 * How often the memory of a process is read. Linux gives a process about 2 GB a second at most, so this is how far it can
 * exceed its maximum: by 40 MB.
 */
const INTERVAL_MS = 20;

/**
 * Watches the resident memory of a process on Linux. Elsewhere it does nothing.
 *
 * @param onExceeded called once if it takes more than `maxBytes`
 * @returns a function that ends the watch
 */
export function watchMemory(pid: number, maxBytes: number, onExceeded: () => void): () => void {
  const timer = setInterval(() => {
    if (residentBytes(pid) <= maxBytes) return;
    clearInterval(timer);
    onExceeded();
  }, INTERVAL_MS);
  return () => clearInterval(timer);
}

/** Resident memory of a process in bytes, on Linux; 0 if it is not known. */
export function residentBytes(pid: number): number {
  try {
    const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
    return Number(kibibytes ?? 0) * 1024;
  } catch {
    // It has ended, or this is not Linux.
    return 0;
  }
}
