import type { Config } from './config.ts';
import { VERSION } from './core/version.ts';

type ReadySettings = Pick<Config, 'AUTH_MODE' | 'PUBLIC_URL' | 'DATABASE_URL' | 'DATA_DIR'>;

const dataOf = ({ DATABASE_URL, DATA_DIR }: ReadySettings): string =>
  DATABASE_URL ? 'in the PostgreSQL of DATABASE_URL' : `in ${DATA_DIR}`;

/** @param address at which the process listens, such as `http://127.0.0.1:8000` */
function urlOf({ PUBLIC_URL }: ReadySettings, address: string, path: string): string {
  return `${(PUBLIC_URL ?? address).replace(/\/$/, '')}${path}`;
}

/** The line of the log that says that the service is ready. */
export function readyLine(settings: ReadySettings, address: string): string {
  const mode = settings.AUTH_MODE === 'disabled' ? 'off' : 'required';
  const docs = urlOf(settings, address, '/docs');
  return `Coreframe ${VERSION} is ready: docs at ${docs}, data ${dataOf(settings)}; authentication is ${mode}`;
}

/** The line of the log that says how to create the first administrator. The set-up token is a field of its own. */
export function setupLine(settings: ReadySettings, address: string): string {
  return `there is no administrator yet: create the first one with POST ${urlOf(settings, address, '/auth/setup')}, which takes setup_token, email and password as JSON`;
}

/**
 * What a person reads on the terminal as soon as the service is ready.
 *
 * @param setupToken if there is no administrator yet
 */
export function readyText(settings: ReadySettings, address: string, setupToken: string | undefined): string {
  const access =
    settings.AUTH_MODE === 'disabled'
      ? 'Nobody has to log in.'
      : 'Every client needs to log in or to have an API key.';
  return `
Coreframe ${VERSION} is ready.

  Docs  ${urlOf(settings, address, '/docs')}
  Data  ${dataOf(settings)}
  Stop  Ctrl-C

${setupToken === undefined ? '' : setupText(urlOf(settings, address, '/auth/setup'), setupToken)}${access} The log follows, one JSON object per line.

`;
}

function setupText(url: string, token: string): string {
  return `There is no administrator yet. Create the first one with your e-mail address and a password:

  curl ${url} -H 'Content-Type: application/json' \\
    -d '{"setup_token": "${token}", "email": "…", "password": "…"}'

`;
}
