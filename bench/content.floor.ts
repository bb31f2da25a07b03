/**
 * The floors of `content`. Hot: a bare Fastify route that sends one Buffer. Cold: PostgreSQL's own driver reading the same
 * bytes by their hash, no HTTP, no owner.
 */
import Fastify from 'fastify';
import pg from 'pg';
import type { FloorRequest } from './content.ts';
import { serve } from './support/serve.ts';

async function listen(bytes: Buffer): Promise<number> {
  const app = Fastify();
  app.get('/content', (_request, reply) => reply.type('image/jpeg').send(bytes));
  return Number(new URL(await app.listen({ host: '127.0.0.1', port: 0 })).port);
}

async function readAll(
  pool: pg.Pool,
  sha256s: readonly string[],
  count: number,
  inFlight: number,
): Promise<number> {
  let next = 0;
  const start = performance.now();
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (next < count) {
        const sha256 = sha256s[next % sha256s.length];
        next += 1;
        const { rows } = await pool.query<{ data: Buffer }>({
          name: 'chunk',
          text: 'SELECT data FROM blob_chunks WHERE sha256 = $1 ORDER BY index',
          values: [`\\x${sha256}`],
        });
        if (rows.length === 0) throw new Error(`No bytes of ${sha256}.`);
      }
    }),
  );
  return (performance.now() - start) / 1000;
}

let pool: pg.Pool | undefined;

async function answer(request: FloorRequest): Promise<number> {
  if (request.kind === 'listen') return listen(Buffer.from(request.base64, 'base64'));
  // The server that it is connected to stops before this process does.
  pool ??= new pg.Pool({ connectionString: request.databaseUrl, max: 10 }).on('error', () => undefined);
  return readAll(pool, request.sha256s, request.count, request.inFlight);
}

serve(answer);
