import { Type } from '@sinclair/typebox';
import { ConfigError } from '../../core/settings.ts';
import { validatorCompiler } from '../../core/validator.ts';
import { checkPassword } from '../passwords/strength.ts';
import type { AuthSettings } from '../settings.ts';

type FirstAdminSettings = Pick<
  AuthSettings,
  'ADMIN_EMAIL' | 'ADMIN_PASSWORD' | 'SECRET' | 'PREVIOUS_SECRETS'
>;

const EmailSchema = Type.String({ format: 'email', maxLength: 254 });

/**
 * Checks ADMIN_EMAIL and ADMIN_PASSWORD, also if there is an administrator already. No message repeats
 * either of them, because they may have been mistaken for each other.
 *
 * @throws ConfigError if only one is set, the address is not one, or the password is also a secret; AppError `validation_failed` if it is weak
 */
export async function checkFirstAdmin(settings: FirstAdminSettings): Promise<void> {
  const { ADMIN_EMAIL: email, ADMIN_PASSWORD: password, SECRET, PREVIOUS_SECRETS } = settings;
  if (email === undefined && password === undefined) return;
  if (email === undefined || password === undefined) {
    const [given, missing] =
      email === undefined ? ['ADMIN_PASSWORD', 'ADMIN_EMAIL'] : ['ADMIN_EMAIL', 'ADMIN_PASSWORD'];
    throw new ConfigError(
      `${given} is set, but ${missing} is not. Set both to create the first administrator, or neither.`,
    );
  }
  if (!validatorCompiler('text')(EmailSchema)(email))
    throw new ConfigError('ADMIN_EMAIL is not an e-mail address.');
  if (password === SECRET || PREVIOUS_SECRETS.includes(password))
    throw new ConfigError('ADMIN_PASSWORD and SECRET are the same. Choose a password of its own.');
  await checkPassword(password, { email, path: '/ADMIN_PASSWORD' });
}
