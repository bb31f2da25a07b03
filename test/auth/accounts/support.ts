import type { LightMyRequestResponse } from 'fastify';
import type { Test } from 'tap';
import type { LogInPaces } from '../../../src/auth/accounts/log-in-limits.ts';
import { createTestApp, type TestApp } from '../../support/app.ts';
import { ADMIN, REQUIRED_AUTHENTICATION } from '../../support/credentials.ts';

export { ADMIN, REQUIRED_AUTHENTICATION as SETTINGS } from '../../support/credentials.ts';

export const { SECRET } = REQUIRED_AUTHENTICATION;
export const ADA = { email: 'ada@example.org', password: 'quiet-harbour-lamp-1873' };

/** No limit on log-ins that a test could reach. */
export const FREE_PACES: LogInPaces = Object.fromEntries(
  ['address', 'pair', 'account', 'signUp'].map((name) => [
    name,
    { burst: 1_000_000, windowSeconds: 3600, everySeconds: 1 },
  ]),
) as unknown as LogInPaces;

export interface Tokens {
  access_token: string;
  refresh_token: string;
  scope: string;
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** The application, with the steps that tests of accounts have in common. */
export class AccountsApp {
  readonly test: TestApp;

  constructor(test: TestApp) {
    this.test = test;
  }

  /** Sends a form to `POST /auth/token`. */
  form(fields: Record<string, string> | string, headers: Record<string, string> = {}) {
    return this.test.app.inject({
      method: 'POST',
      url: '/auth/token',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      payload: typeof fields === 'string' ? fields : new URLSearchParams(fields).toString(),
    });
  }

  async logIn({ email, password }: typeof ADA, fields: Record<string, string> = {}): Promise<Tokens> {
    return ok(await this.form({ username: email, password, ...fields }));
  }

  refresh(token: string) {
    return this.form({ grant_type: 'refresh_token', refresh_token: token });
  }

  /** The status of a route that any credential may use. */
  async statusOf(credential: string): Promise<number> {
    return (await this.test.send('GET', '/users/me', undefined, bearer(credential))).statusCode;
  }

  /** Makes Ada, as the administrator. */
  async createAda(): Promise<{ id: string; admin: Tokens }> {
    const admin = await this.logIn(ADMIN);
    const { id } = ok<{ id: string }>(
      await this.test.send('POST', '/users', { ...ADA, name: 'Ada' }, bearer(admin.access_token)),
    );
    return { id, admin };
  }
}

/**
 * The body of an answer; undefined if it has none.
 *
 * @throws Error unless the answer is a success
 */
export function ok<T>(response: LightMyRequestResponse): T {
  if (response.statusCode >= 300) throw new Error(`${response.statusCode} ${response.body}`);
  return response.body === '' ? (undefined as T) : response.json();
}

export async function openAccounts(t: Test, settings: Record<string, string> = {}): Promise<AccountsApp> {
  return new AccountsApp(await createTestApp(t, { ...REQUIRED_AUTHENTICATION, ...settings }));
}
