import { LRUCache } from 'lru-cache';
import type { ChangeFeed } from './change-feed.ts';

/** Milliseconds after which a change made while triggers were off (a restore, TRUNCATE) is noticed. */
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

/** Rows of a table in memory, each for its owner alone, until a change of it is heard of: see README.md. */
export class KnownRows<Row extends object> {
  readonly #options: KnownRowsOptions<Row>;
  readonly #rows: LRUCache<string, Known<Row>>;
  /** Changes heard of so far: a row that was read while one came may be older than it. */
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
   * @returns undefined if the owner has no such row
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
