import { ADMIN, AUTH_SETTINGS, logIn, post } from './support/accounts.ts';
import { compare } from './support/compare.ts';
import { httpContestant } from './support/http-contestant.ts';
import type { LoadRequest } from './support/load.ts';
import { preparePhoto, uploadPhoto } from './support/photo.ts';
import { startServer } from './support/server.ts';
import { onStage } from './support/stage.ts';
import type { Bench, Comparison } from './support/types.ts';

const IN_FLIGHT = 16;
const COUNT = 8_000;
const ROUNDS = 10;

function* repeat(request: LoadRequest): Generator<LoadRequest, never> {
  for (;;) yield request;
}

/**
 * What authentication costs on the requests that cost least: a picture and a resized picture, both cached. With a token and with a
 * key, against a server that asks for neither. Both servers use one database, and the first administrator owns what was stored
 * without authentication.
 */
export const bench: Bench = () =>
  onStage(async (stage) => {
    const { url: DATABASE_URL } = await stage.openDatabase();
    const client = await stage.startLoadClient();
    const open = await startServer(stage.folder, { DATABASE_URL, AUTH_MODE: 'disabled' });
    const guarded = await startServer(stage.folder, { DATABASE_URL, ...AUTH_SETTINGS });
    try {
      const { id } = await uploadPhoto(open.url, await preparePhoto(stage.folder));
      const resized = `/images/${id}/resize?width=800&quality=86`;
      const answer = await fetch(`${open.url}${resized}`);
      await answer.arrayBuffer();
      const artifact = answer.headers.get('content-location') ?? '';
      const token = await logIn(guarded.url, ADMIN);
      const { key } = await post<{ key: string }>(`${guarded.url}/api-keys`, token, {
        name: 'bench',
        preset: 'read_only',
      });
      const credentials = {
        token: { authorization: `Bearer ${token}` },
        key: { 'x-api-key': key },
      };
      const paths = { content: artifact, resize: resized };
      const comparisons: Comparison[] = [];
      for (const [what, path] of Object.entries(paths)) {
        for (const [credential, headers] of Object.entries(credentials)) {
          const side = (server: typeof open, given: Record<string, string>) =>
            httpContestant({
              server,
              client,
              requests: repeat({ method: 'GET', path, headers: given }),
              inFlight: IN_FLIGHT,
              status: 200,
            });
          comparisons.push(
            await compare({
              name: `${what}_${credential}`,
              what: `GET ${what} of a picture, cached, with a ${credential}, ${IN_FLIGHT} in flight; floor: AUTH_MODE=disabled`,
              ours: side(guarded, headers),
              floor: side(open, {}),
              count: COUNT,
              rounds: ROUNDS,
            }),
          );
        }
      }
      return comparisons;
    } finally {
      await guarded.stop();
      await open.stop();
    }
  });
