import pg from 'pg';

/** Values of SQLAlchemy's and asyncpg's `ssl`, each with the equivalent `sslmode` of libpq. */
const SSL_MODES: Readonly<Record<string, string>> = {
  true: 'require',
  false: 'disable',
  '1': 'require',
  '0': 'disable',
};

/**
 * Converts a connection URL of PostgreSQL, Prisma or a Python deployment for `pg`: the driver in `postgresql+asyncpg://` is
 * dropped, and `ssl` becomes `sslmode` with libpq's meaning (`require` encrypts without verifying the certificate).
 *
 * @throws Error if it is not a PostgreSQL URL; the message does not repeat the password
 */
export function normalizeDatabaseUrl(text: string): string {
  const match = /^postgres(?:ql)?(?:\+\w+)?:\/\/(.*)$/s.exec(text.trim());
  if (!match) {
    const scheme = /^[a-z][a-z0-9+.-]*:/i.exec(text)?.[0] ?? 'none';
    throw new Error(`A database URL begins with postgresql://; the scheme of this one is ${scheme}`);
  }
  const [base, query] = (match[1] ?? '').split(/\?(.*)/s);
  const parameters = new URLSearchParams(query ?? '');
  const ssl = parameters.get('ssl');
  if (ssl !== null) {
    parameters.delete('ssl');
    parameters.set('sslmode', SSL_MODES[ssl.toLowerCase()] ?? ssl);
  }
  if (parameters.has('sslmode') && !parameters.has('uselibpqcompat'))
    parameters.set('uselibpqcompat', 'true');
  const suffix = parameters.size === 0 ? '' : `?${parameters}`;
  const url = `postgresql://${base}${suffix}`;
  requireValid(url);
  return url;
}

/** @throws Error if the driver cannot read the URL */
function requireValid(url: string): void {
  try {
    new pg.Client({ connectionString: url });
  } catch {
    throw new Error('This is not a valid URL; it has the form postgresql://user:password@host:5432/database');
  }
}
