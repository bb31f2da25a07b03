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

/** Keeps rows of a table in memory until they change, each for its owner only. See README.md. */
export class KnownRows<Row extends object> {
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
    if (row && this.#changes === before) this.#rows.set(id, { owner, row });
    return row;
  }
}
