/**
 * Serves the requests of `startWorker` in this process: each is answered with `{result}` or `{error}`. The process ends
 * with its parent.
 */
export function serve<Request, Result>(work: (request: Request) => Promise<Result>): void {
  process.on('message', (request: Request) => {
    work(request).then(
      (result) => process.send?.({ result }),
      (error: unknown) => process.send?.({ error: String(error) }),
    );
  });
  process.on('disconnect', () => process.exit());
  process.send?.('ready');
}

/** Seconds in which `work` is done for all items, this many at a time. */
export async function timeAll<T>(
  items: readonly T[],
  inFlight: number,
  work: (item: T) => Promise<unknown>,
): Promise<number> {
  const waiting = items.values();
  const start = performance.now();
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      for (const item of waiting) await work(item);
    }),
  );
  return (performance.now() - start) / 1000;
}
