import { randomBytes } from 'node:crypto';

/** The administrator of a server that requires authentication. */
export const ADMIN = { email: 'admin@example.org', password: 'purple-tram-kitchen-64' } as const;

/** Settings with which a server requires authentication, and has an administrator from its first start. */
export const REQUIRED_AUTHENTICATION = {
  AUTH_MODE: 'required',
  SECRET: randomBytes(32).toString('base64'),
  ADMIN_EMAIL: ADMIN.email,
  ADMIN_PASSWORD: ADMIN.password,
} as const;

/** Logs the administrator in at a server; gives the access token. */
export async function logIn(base: string): Promise<string> {
  const form = new URLSearchParams({ username: ADMIN.email, password: ADMIN.password });
  const response = await fetch(`${base}/auth/token`, { method: 'POST', body: form });
  const { access_token: token } = (await response.json()) as { access_token?: string };
  if (token === undefined) throw new Error(`The log-in failed with ${response.status}.`);
  return token;
}

/**
 * Makes an API key of the administrator at a server.
 *
 * @param request the body of `POST /api-keys`
 */
export async function makeApiKey(base: string, request: object): Promise<string> {
  const response = await fetch(`${base}/api-keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await logIn(base)}`, 'content-type': 'application/json' },
    body: JSON.stringify(request),
  });
  const { key } = (await response.json()) as { key?: string };
  if (key === undefined) throw new Error(`The key was refused with ${response.status}.`);
  return key;
}
