import { isIPv4 } from 'node:net';
import { Type } from '@sinclair/typebox';
import { ConfigError, count, flag, type Settings, text } from '../core/settings.ts';

export const httpSettings = {
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
  CORS_ORIGINS: text(
    'Origins (comma-separated) whose pages may call the API from a browser; `*` allows all.',
    '',
  ),
  ALLOW_UNAUTHENTICATED: flag(
    'Allow an address that is not loopback although authentication is off. Without it, the start is refused.',
    false,
  ),
  IDLE_TIMEOUT_MS: count(
    'Maximum silence on an upload or a download before the connection is closed, in milliseconds.',
    30_000,
    100,
  ),
  MIN_TRANSFER_RATE: count(
    'Minimum bytes per second of an upload or a download, averaged over a growing window; 0 switches the check off.',
    1024,
    0,
  ),
  SHUTDOWN_GRACE_MS: count('Maximum time to finish running requests after SIGTERM, in milliseconds.', 20_000),
};

export type HttpSettings = Settings<typeof httpSettings>;

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/**
 * Refuses to serve everybody by accident: authentication is off, so an address that others may reach must be asked for.
 *
 * @throws ConfigError
 */
export function checkExposure({
  HOST,
  ALLOW_UNAUTHENTICATED,
}: Pick<HttpSettings, 'HOST' | 'ALLOW_UNAUTHENTICATED'>): void {
  if (isLoopback(HOST) || ALLOW_UNAUTHENTICATED) return;
  throw new ConfigError(
    `HOST=${HOST} can be reached from other machines, and authentication is off. Set ALLOW_UNAUTHENTICATED=true if you want that, or HOST=127.0.0.1.`,
  );
}
