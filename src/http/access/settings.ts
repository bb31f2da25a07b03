import { isIP, isIPv4 } from 'node:net';
import { Type } from '@sinclair/typebox';
import { ConfigError, count, flag, type Settings, text } from '../../core/settings.ts';

export const accessSettings = {
  HOST: text('Address to listen on.', '127.0.0.1'),
  PORT: count('Port to listen on; 0 picks a free one.', 8000, 0, 65535),
  PUBLIC_URL: Type.Optional(
    Type.String({
      description:
        'The address at which clients reach the service, for example `https://images.example.org`. Its host is allowed.',
      format: 'uri',
    }),
  ),
  ALLOWED_HOSTS: text(
    'Host names (comma-separated) accepted in the `Host` header, besides loopback names, HOST and the host of PUBLIC_URL; `*` allows all.',
    '',
  ),
  TRUSTED_PROXIES: text(
    'Addresses or networks (comma-separated, such as `10.0.0.0/8`) of proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.',
    '',
  ),
  CORS_ORIGINS: text(
    'Origins (comma-separated) whose pages may call the API from a browser; `*` allows all.',
    '',
  ),
  ALLOW_UNAUTHENTICATED: flag(
    'Allow a HOST that is not a loopback address although authentication is off. Without it, the service does not start.',
    false,
  ),
};

export type AccessSettings = Settings<typeof accessSettings>;

/** Splits a comma-separated setting, in lower case; blanks are trimmed and empty entries dropped. */
export function splitList(value: string): string[] {
  return value
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== '');
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/**
 * Checks the entries of TRUSTED_PROXIES.
 *
 * @throws ConfigError
 */
export function checkTrustedProxies({ TRUSTED_PROXIES }: AccessSettings): void {
  for (const entry of splitList(TRUSTED_PROXIES)) {
    const [, address = '', bits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(entry) ?? [];
    const length = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
    if (length < 0 || Number(bits ?? 0) > length)
      throw new ConfigError(
        `TRUSTED_PROXIES: ${JSON.stringify(entry)} is not an address or a network such as 10.0.0.0/8.`,
      );
    if (bits !== undefined && Number(bits) === 0)
      throw new ConfigError(
        `TRUSTED_PROXIES: ${JSON.stringify(entry)} includes every client; name only the addresses of proxies.`,
      );
  }
}

/**
 * Authentication is off, so an address that other machines can reach must be allowed explicitly.
 *
 * @throws ConfigError
 */
export function checkExposure({ HOST, ALLOW_UNAUTHENTICATED }: AccessSettings): void {
  if (isLoopback(HOST) || ALLOW_UNAUTHENTICATED) return;
  throw new ConfigError(
    `HOST=${HOST} can be reached from other machines, and authentication is off. Set ALLOW_UNAUTHENTICATED=true if you want that, or HOST=127.0.0.1.`,
  );
}
