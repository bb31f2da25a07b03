import type pg from 'pg';
import type { Scope } from '../scopes.ts';

/** Between two writes. */
const WRITE_EVERY_MS = 60_000;

interface Logger {
  warn(fields: object, message: string): void;
}

/** Notes when API keys were last used, and which scopes their requests needed. It writes once a minute, and never on a request. */
export class KeyUsage {
  readonly #pool: pg.Pool;
  readonly #log: Logger;
  readonly #timer: NodeJS.Timeout;
  #used = new Map<string, { at: number; scopes: Set<Scope> }>();

  constructor(pool: pg.Pool, log: Logger) {
    this.#pool = pool;
    this.#log = log;
    this.#timer = setInterval(() => void this.write(), WRITE_EVERY_MS).unref();
  }

  /** @param scope that the route needs, if it needs one */
  note(keyId: string, scope: Scope | undefined): void {
    let usage = this.#used.get(keyId);
    if (usage === undefined) {
      usage = { at: 0, scopes: new Set() };
      this.#used.set(keyId, usage);
    }
    usage.at = Date.now();
    if (scope !== undefined) usage.scopes.add(scope);
  }

  /** Writes what was noted. If the database is away, it is written the next time. Does not throw. */
  async write(): Promise<void> {
    const used = this.#used;
    if (used.size === 0) return;
    this.#used = new Map();
    const rows = [...used].map(([id, { at, scopes }]) => ({ id, at: new Date(at), scopes: [...scopes] }));
    try {
      await this.#pool.query(
        `UPDATE api_keys k
         SET last_used_at = greatest(k.last_used_at, used.at),
             used_scopes = ARRAY(SELECT DISTINCT unnest(k.used_scopes || used.scopes) ORDER BY 1)
         FROM jsonb_to_recordset($1) AS used(id uuid, at timestamptz, scopes text[])
         WHERE k.id = used.id`,
        [JSON.stringify(rows)],
      );
    } catch (error) {
      this.#log.warn({ err: error }, 'the use of API keys could not be noted');
      for (const [id, { at, scopes }] of used) {
        const usage = this.#used.get(id) ?? { at, scopes: new Set() };
        for (const scope of scopes) usage.scopes.add(scope);
        this.#used.set(id, usage);
      }
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.write();
  }
}
