import { LRUCache } from 'lru-cache';
import type { ChangeFeed } from './change-feed.ts';

/** Limits how long a change goes unnoticed that was made while triggers were off (a restore, TRUNCATE). */
const MAX_AGE_MS = 60_000;

export interface KnownRowsOptions<Row> {
  /** It must have a trigger that notifies of each change to the cached columns. */
  table: string;
  /** Maximum number of rows kept. The least recently used are dropped first. */
  max: number;
  changes: ChangeFeed;
  /** Reads a row from the database. */
  lookUp(owner: string, id: string): Promise<Row | undefined>;
}

/**
 * The row with buffers of its own. Node decodes short values into slabs of 64 KiB, and a slab stays in memory as long as one of
 * its values.
 */
function withOwnBuffers<Row extends object>(row: Row): Row {
  const own = Object.entries(row).map(([name, value]) => {
    if (!Buffer.isBuffer(value)) return [name, value];
    const copy = Buffer.alloc(value.length);
    value.copy(copy);
    return [name, copy];
  });
  return Object.fromEntries(own) as Row;
}

/** Keeps rows of a table in memory until they change, each for its owner only. See README.md. */
export class KnownRows<Row extends { id: string }> {
  readonly #options: KnownRowsOptions<Row>;
  readonly #rows: LRUCache<string, { owner: string; row: Row }>;
  /** Number of notifications so far. A row that was read while one arrived may be stale. */
  #changes = 0;

  constructor(options: KnownRowsOptions<Row>) {
    this.#options = options;
    this.#rows = new LRUCache({ max: options.max, ttl: MAX_AGE_MS, ttlResolution: 1_000 });
    options.changes.subscribe({
      table: options.table,
      changed: (id) => {
        this.#changes += 1;
        this.#rows.delete(id);
      },
      reset: () => {
        this.#changes += 1;
        this.#rows.clear();
      },
    });
  }

  /**
   * @param id in lower case
   * @returns undefined if the owner does not have this row
   */
  async get(owner: string, id: string): Promise<Row | undefined> {
    const { changes, lookUp } = this.#options;
    const known = this.#rows.get(id);
    if (known?.owner === owner && changes.isCurrent) return known.row;
    const before = this.#changes;
    const row = await lookUp(owner, id);
    // The given id may be a part of a long URL, which it would keep in memory.
    if (row && this.#changes === before) this.#rows.set(row.id, { owner, row: withOwnBuffers(row) });
    return row;
  }
}
