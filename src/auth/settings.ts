import { Type } from '@sinclair/typebox';
import { StringEnum } from '../core/schema.ts';
import { count, type Settings, text } from '../core/settings.ts';

const DAY = 24 * 60 * 60;

export const authSettings = {
  AUTH_MODE: Type.Optional(
    StringEnum(['required', 'disabled'], {
      description:
        'Whether clients need a credential. The default is `disabled` if only this machine can reach the service: HOST is a loopback address, PUBLIC_URL, ALLOWED_HOSTS and TRUSTED_PROXIES name nothing else, and CORS_ORIGINS does not allow the pages of all origins. Otherwise it is `required`.',
    }),
  ),
  SECRET: Type.Optional(
    text(
      'The secret that tokens are made with: at least 32 random characters without blanks or commas, for example from `openssl rand -base64 32`. Needed unless authentication is off.',
    ),
  ),
  PREVIOUS_SECRETS: text(
    'Earlier values of SECRET (comma-separated). Tokens that were signed with them are accepted until they expire.',
    '',
  ),
  ADMIN_EMAIL: Type.Optional(
    text(
      'E-mail address of the first administrator, who is created at the first start. It needs ADMIN_PASSWORD.',
    ),
  ),
  ADMIN_PASSWORD: Type.Optional(
    text(
      'Password of the first administrator: 12 to 256 characters that are hard to guess. It is not used again.',
    ),
  ),
  REGISTRATION: StringEnum(['closed', 'open'], {
    description: 'Whether anybody may create an account (`open`), or only administrators (`closed`).',
    default: 'closed',
  }),
  ACCESS_TOKEN_SECONDS: count('Seconds for which an access token is valid.', 15 * 60, 60, DAY),
  SESSION_IDLE_SECONDS: count(
    'Seconds after which a session ends if its refresh token is not used.',
    14 * DAY,
    60,
    365 * DAY,
  ),
  SESSION_MAX_SECONDS: count(
    'Seconds after which a session ends, although it is in use.',
    90 * DAY,
    60,
    3650 * DAY,
  ),
  STORAGE_QUOTA_BYTES: Type.Optional(
    Type.Integer({
      description:
        'Bytes that a new user may store: images, image logs and kept artifacts, each counted in full. Without it, there is no limit.',
      minimum: 0,
    }),
  ),
};

export type AuthMode = 'required' | 'disabled';

/** The settings, with those decided that the configuration decides. */
export type AuthSettings = Omit<Settings<typeof authSettings>, 'AUTH_MODE' | 'PREVIOUS_SECRETS'> & {
  AUTH_MODE: AuthMode;
  PREVIOUS_SECRETS: readonly string[];
};

/** Splits PREVIOUS_SECRETS. Secrets are taken as they are, apart from blanks around them. */
export function splitSecrets(list: string): string[] {
  return list
    .split(',')
    .map((secret) => secret.trim())
    .filter((secret) => secret !== '');
}
