import { LRUCache } from 'lru-cache';
import type { ChangeFeed } from './change-feed.ts';

/** A row that was changed while triggers were off (a restore, TRUNCATE) is noticed after so many milliseconds. */
const MAX_AGE_MS = 60_000;

interface Known<Row> {
  owner: string;
  row: Row;
}

export interface KnownRowsOptions<Row> {
  /** Must have a trigger that notifies of each change of what is kept. */
  table: string;
  /** Rows kept, least recently used dropped first. */
  max: number;
  changes: ChangeFeed;
  /** Reads a row from the database. */
  lookUp(owner: string, id: string): Promise<Row | undefined>;
}

/**
 * Rows of a table in memory, for as long as nothing is heard of their change. Each is given to its owner alone; what is not
 * known, or belongs to someone else, is asked of the database.
 */
export class KnownRows<Row extends object> {
  readonly #options: KnownRowsOptions<Row>;
  readonly #rows: LRUCache<string, Known<Row>>;
  /** Changes heard of so far: what was read while one came may be older than it. */
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
   * @returns undefined where the owner has no such row
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
