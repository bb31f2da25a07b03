import { randomBytes } from 'node:crypto';

/** Settings of a server that needs credentials and has an administrator. */
export const ADMIN = { email: 'admin@example.org', password: 'purple-tram-kitchen-64' };
export const AUTH_SETTINGS = {
  AUTH_MODE: 'required',
  SECRET: randomBytes(32).toString('base64'),
  ADMIN_EMAIL: ADMIN.email,
  ADMIN_PASSWORD: ADMIN.password,
};

/** @throws Error unless the answer is a success */
async function read<T>(response: Response): Promise<T> {
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${text}`);
  return JSON.parse(text);
}

/** The access token of a new session. */
export async function logIn(
  url: string,
  { email, password }: { email: string; password: string },
): Promise<string> {
  const body = new URLSearchParams({ username: email, password });
  const { access_token: token } = await read<{ access_token: string }>(
    await fetch(`${url}/auth/token`, { method: 'POST', body }),
  );
  return token;
}

/** Sends JSON with a token. */
export async function post<T>(url: string, token: string, body: object): Promise<T> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  return read<T>(await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) }));
}
