import { ConfigError } from '../../core/settings.ts';
import type { AccessSettings } from './settings.ts';

/**
 * Checks PUBLIC_URL, which the OpenAPI document and the log repeat.
 *
 * @throws ConfigError if browsers cannot open it, or if it contains more than an address. The message does not repeat it.
 */
export function checkPublicUrl({ PUBLIC_URL }: Pick<AccessSettings, 'PUBLIC_URL'>): void {
  if (PUBLIC_URL === undefined) return;
  const { protocol, username, password, search, hash } = new URL(PUBLIC_URL);
  if (protocol !== 'https:' && protocol !== 'http:')
    throw new ConfigError('PUBLIC_URL has to begin with https:// or http://.');
  if (username !== '' || password !== '')
    throw new ConfigError('PUBLIC_URL contains a user name or a password, which everybody would see.');
  if (search !== '' || hash !== '')
    throw new ConfigError('PUBLIC_URL has to end with its path, without ? and #.');
}
