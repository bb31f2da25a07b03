import { channel } from 'node:diagnostics_channel';
import type { FastifyInstance } from 'fastify';
import type { Services } from '../../src/services.ts';

/** Fastify tells it of every instance before it has plugins, so that a hook applies to all routes. */
const INITIALIZATION = channel('fastify.initialization');

/** Fields of bodies, in requests and answers, that hold secrets. */
const SECRET_FIELDS = [
  'password',
  'current_password',
  'new_password',
  'access_token',
  'refresh_token',
  'setup_token',
  'client_secret',
  'key',
  'token',
];

/** Settings that hold secrets. */
const SECRET_SETTINGS = ['SECRET', 'PREVIOUS_SECRETS', 'ADMIN_PASSWORD'];

/** Shorter texts are no secrets of the service, and may be parts of other words. */
const MIN_LENGTH = 12;

export interface SecretWatchOptions {
  /** For clients that send random text: only what the service itself issues is a secret. By default, what clients send is one, too. */
  isForFuzzing?: boolean;
  /** Gets each secret once. */
  onSecret?(what: string, secret: string): void;
  /** Gets what was found, and where. */
  onLeak?(leak: string): void;
}

/** Knows every secret that a service receives or issues, and searches what the service writes for them. */
export class SecretWatch {
  readonly #secrets = new Map<string, string>();
  readonly #leaks = new Set<string>();
  readonly #options: SecretWatchOptions;

  /** @param settings environment variables of the service */
  constructor(settings: Readonly<Record<string, string | undefined>>, options: SecretWatchOptions = {}) {
    this.#options = options;
    for (const name of SECRET_SETTINGS)
      for (const part of (settings[name] ?? '').split(',')) this.add(name, part.trim());
  }

  /** @param what it is, for the message if it is found */
  add(what: string, secret: unknown): void {
    if (typeof secret !== 'string' || secret.length < MIN_LENGTH || this.#secrets.has(secret)) return;
    this.#secrets.set(secret, what);
    this.#options.onSecret?.(what, secret);
  }

  /** Searches a text. In JSON, a secret may be escaped. */
  search(where: string, text: string): void {
    for (const [secret, what] of this.#secrets) {
      const escaped = JSON.stringify(secret).slice(1, -1);
      if (!text.includes(secret) && !text.includes(escaped)) continue;
      this.#leaks.add(`${what} in ${where}`);
      this.#options.onLeak?.(`${what} in ${where}`);
    }
  }

  /**
   * Notes the secrets of all requests and answers of the instances that are created from now on, and searches their problems.
   *
   * @returns a function that ends this for further instances
   */
  watchNewInstances(): () => void {
    const watch = (message: unknown) => this.#watch((message as { fastify: FastifyInstance }).fastify);
    INITIALIZATION.subscribe(watch);
    return () => void INITIALIZATION.unsubscribe(watch);
  }

  /** Searches the log, the audit and the metrics of a service, also for the hashes of its passwords. */
  async searchService(services: Services, log: string): Promise<void> {
    const { pool } = services.database;
    this.add('the set-up token', services.auth.setupToken);
    const { rows: users } = await pool.query<{ hash: string }>(
      'SELECT password_hash AS hash FROM users WHERE password_hash IS NOT NULL',
    );
    for (const { hash } of users) this.add('the hash of a password', hash);
    this.search('the log', log);
    const { rows: events } = await pool.query<{ text: string }>('SELECT e::text AS text FROM audit_events e');
    this.search('an audit event', events.map(({ text }) => text).join('\n'));
    this.search('the metrics', await services.metrics.registry.metrics());
  }

  /** @throws Error naming every place where a secret was found */
  requireNone(): void {
    if (this.#leaks.size > 0) throw new Error(`Secrets were found:\n${[...this.#leaks].join('\n')}`);
  }

  #watch(app: FastifyInstance): void {
    if (this.#options.isForFuzzing !== true) this.#watchRequests(app);
    app.addHook('onSend', async (request, reply, payload) => {
      if (typeof payload !== 'string') return;
      const type = String(reply.getHeader('content-type'));
      if (type.startsWith('application/problem+json'))
        this.search(`the problem of ${request.method} ${request.routeOptions.url}`, payload);
      else if (type.startsWith('application/json') && payload.length < 10_000)
        this.#addFields(JSON.parse(payload));
    });
  }

  #watchRequests(app: FastifyInstance): void {
    app.addHook('onRequest', async ({ headers: { authorization = '', 'x-api-key': key } }) => {
      this.add('a credential', /^Bearer +(\S+) *$/i.exec(authorization)?.[1]);
      this.add('a credential', key);
    });
    app.addHook('preValidation', async ({ body }) => this.#addFields(body));
  }

  #addFields(body: unknown): void {
    const fields = Object(body) as Record<string, unknown>;
    for (const name of SECRET_FIELDS) this.add(name, fields[name]);
  }
}
