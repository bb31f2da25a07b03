import type { InjectOptions, LightMyRequestResponse } from 'fastify';
import type { Test } from 'tap';
import type { OwnerId } from '../../src/auth/owner.ts';
import { ended } from '../jobs/support.ts';
import { noise } from '../safety/operations.ts';
import { createTestApp, multipartBody, type TestApp } from '../support/app.ts';
import { ADMIN, REQUIRED_AUTHENTICATION } from '../support/credentials.ts';

export const PASSWORD: string = ADMIN.password;

/** A user who has logged in. */
export interface Person {
  id: string;
  email: string;
  token: string;
  refreshToken: string;
  send(
    method: NonNullable<InjectOptions['method']>,
    url: string,
    body?: object,
  ): Promise<LightMyRequestResponse>;
  /** Uploads pictures in one request. */
  upload(...pictures: Buffer[]): Promise<LightMyRequestResponse>;
  uploadLog(csv: string, filename?: string): Promise<LightMyRequestResponse>;
  storedBytes(): Promise<number>;
}

/** The application with authentication, and its first administrator. */
export async function createAppWithAdmin(
  t: Test,
  settings: Record<string, string> = {},
): Promise<{ testApp: TestApp; admin: Person }> {
  const testApp = await createTestApp(t, { ...REQUIRED_AUTHENTICATION, ...settings });
  return { testApp, admin: await logIn(testApp, ADMIN.email) };
}

export async function logIn({ app }: TestApp, email: string, password = PASSWORD): Promise<Person> {
  const answer = await askForToken(app, email, password);
  if (answer.statusCode !== 200) throw new Error(answer.body);
  const { access_token: token, refresh_token: refreshToken } = answer.json();
  const authorization = `Bearer ${token}`;
  const send: Person['send'] = (method, url, body) =>
    app.inject({ method, url, headers: { authorization }, ...(body === undefined ? {} : { payload: body }) });
  const sendForm = (url: string, files: Parameters<typeof multipartBody>[0]) => {
    const { body, headers } = multipartBody(files);
    return app.inject({ method: 'POST', url, payload: body, headers: { ...headers, authorization } });
  };
  const { id } = (await send('GET', '/users/me')).json();
  return {
    id,
    email,
    token,
    refreshToken,
    send,
    upload: (...pictures) =>
      sendForm(
        '/images',
        pictures.map((bytes) => ({ bytes })),
      ),
    uploadLog: (csv, filename = 'log.csv') =>
      sendForm('/upload', [{ bytes: Buffer.from(csv), filename, field: 'file', type: 'text/csv' }]),
    storedBytes: async () => (await send('GET', '/users/me')).json().stored_bytes,
  };
}

export function askForToken(
  app: TestApp['app'],
  email: string,
  password = PASSWORD,
): Promise<LightMyRequestResponse> {
  return app.inject({
    method: 'POST',
    url: '/auth/token',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: new URLSearchParams({ username: email, password }).toString(),
  });
}

/** Creates a user and logs in. */
export async function addPerson(
  testApp: TestApp,
  admin: Person,
  email: string,
  more: object = {},
): Promise<Person> {
  const answer = await admin.send('POST', '/users', { email, password: PASSWORD, ...more });
  if (answer.statusCode !== 201) throw new Error(answer.body);
  return logIn(testApp, email);
}

/** An API key of a person, and a way to use it. */
export async function addKey({ app }: TestApp, person: Person, scopes: readonly string[]) {
  const answer = await person.send('POST', '/api-keys', { name: 'key', scopes });
  if (answer.statusCode !== 201) throw new Error(answer.body);
  const { id, key } = answer.json();
  return {
    id: id as string,
    get: (url: string) => app.inject({ url, headers: { 'x-api-key': key } }),
  };
}

/** The id of a picture that a person uploads. */
export async function addImage(person: Person, picture: Buffer): Promise<string> {
  const answer = await person.upload(picture);
  if (answer.statusCode !== 201) throw new Error(answer.body);
  return answer.json().results[0].image.id;
}

/** The id of a job that resizes an image of a person, once it has ended. */
export async function addJob({ services }: TestApp, person: Person, image: string): Promise<string> {
  const body = { operation: 'resize', parameters: { width: 15 }, image_ids: [image] };
  const answer = await person.send('POST', '/jobs', body);
  if (answer.statusCode !== 201) throw new Error(answer.body);
  const { id } = answer.json();
  await ended(services, id, { owner: person.id as OwnerId });
  return id;
}

/** A new picture of about as many KB as it is high. */
export const newPicture = (height = 40): Promise<Buffer> => noise(60, height);

/** An image log. */
export function makeLog(rows: number, level = 7): string {
  const lines = Array.from({ length: rows }, (_, row) => `${row},${level},${(row * 7) % 256},9`);
  return `depth,col1,col2,col3\n${lines.join('\n')}\n`;
}
