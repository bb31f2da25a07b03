import { Type } from '@sinclair/typebox';
import { count, flag, type Settings, text } from '../../core/settings.ts';

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
    'Origins (comma-separated) whose pages may call the API from a browser; `*` allows all. Without authentication, such a page may do everything.',
    '',
  ),
  ALLOW_UNAUTHENTICATED: flag(
    'Allow that authentication is off although others can reach the service, for example because a proxy in front of it authenticates clients.',
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
