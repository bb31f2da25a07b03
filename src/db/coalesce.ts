interface Waiting<V> {
  resolve: (value: V | undefined) => void;
  reject: (reason: unknown) => void;
}

/**
 * Makes one query of lookups that come at the same time. A lookup waits at most for the query before it: with nothing
 * under way it starts in the same turn of the event loop, under load many share one round trip. Each still reads the
 * database's state after it was asked.
 *
 * With 16 requests for content in flight (`npm run bench -- content`) a query serves seven lookups. One query at a time was
 * better than two: 0.60 and 0.52 of the floor instead of 0.48 and 0.40, with 11 µs of PostgreSQL's CPU a request instead of
 * 15, because more lookups meet in each.
 *
 * @param load all rows of the given keys, by key; a key without a row is left out
 */
export function coalesceLookups<V>(
  load: (keys: string[]) => Promise<ReadonlyMap<string, V>>,
): (key: string) => Promise<V | undefined> {
  let waiting = new Map<string, Waiting<V>[]>();
  let isRunning = false;
  let isScheduled = false;

  const flush = async (): Promise<void> => {
    isScheduled = false;
    if (waiting.size === 0 || isRunning) return;
    const batch = waiting;
    waiting = new Map();
    isRunning = true;
    try {
      const found = await load([...batch.keys()]);
      for (const [key, lookups] of batch) for (const { resolve } of lookups) resolve(found.get(key));
    } catch (error) {
      for (const lookups of batch.values()) for (const { reject } of lookups) reject(error);
    } finally {
      isRunning = false;
      void flush();
    }
  };

  return (key) =>
    new Promise((resolve, reject) => {
      const lookups = waiting.get(key);
      if (lookups) lookups.push({ resolve, reject });
      else waiting.set(key, [{ resolve, reject }]);
      if (!isScheduled) {
        isScheduled = true;
        setImmediate(flush);
      }
    });
}
