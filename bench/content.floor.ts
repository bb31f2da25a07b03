/**
 * The floors of `content`. Hot: a bare Fastify route that sends one Buffer. Cold: `pg` reading the same bytes by their hash,
 * without HTTP or an owner.
 */
import Fastify from 'fastify';
import pg from 'pg';
import type { FloorRequest } from './content.ts';
import { serve, timeAll } from './support/serve.ts';

async function listen(bytes: Buffer): Promise<number> {
  const app = Fastify();
  app.get('/content', (_request, reply) => reply.type('image/jpeg').send(bytes));
  return Number(new URL(await app.listen({ host: '127.0.0.1', port: 0 })).port);
}

async function read(pool: pg.Pool, sha256: string | undefined): Promise<void> {
  const { rows } = await pool.query<{ data: Buffer }>({
    name: 'chunk',
    text: 'SELECT data FROM blob_chunks WHERE sha256 = $1 ORDER BY index',
    values: [`\\x${sha256}`],
  });
  if (rows.length === 0) throw new Error(`There are no bytes of ${sha256}.`);
}

let pool: pg.Pool | undefined;

async function answer(request: FloorRequest): Promise<number> {
  if (request.kind === 'listen') return listen(Buffer.from(request.base64, 'base64'));
  const { databaseUrl, sha256s, count, inFlight } = request;
  // The server may stop before this process does.
  pool ??= new pg.Pool({ connectionString: databaseUrl, max: 10 }).on('error', () => undefined);
  const database = pool;
  const items = Array.from({ length: count }, (_, index) => sha256s[index % sha256s.length]);
  return timeAll(items, inFlight, (sha256) => read(database, sha256));
}

serve(answer);
