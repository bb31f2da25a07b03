import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { LogIn } from '../../src/auth/accounts/log-in.ts';
import { LogInLimits, type LogInPaces } from '../../src/auth/accounts/log-in-limits.ts';
import { openAuth } from '../../src/auth/accounts/open-auth.ts';
import { loadConfig } from '../../src/config.ts';
import { AppError } from '../../src/core/errors.ts';
import { openDatabase } from '../../src/db/database.ts';
import { ADMIN, AUTH_SETTINGS, logIn, post } from '../support/accounts.ts';
import { median } from '../support/compare.ts';
import type { LoadRequest } from '../support/load.ts';
import { preparePhoto, uploadPhoto } from '../support/photo.ts';
import { formatTable } from '../support/report.ts';
import type { BenchServer } from '../support/server.ts';
import { onStage, type Stage } from '../support/stage.ts';
import type { Soak } from '../support/types.ts';

/** Wrong log-ins of each attack; fewer with `GUESSES`. */
const GUESSES = Number(process.env.GUESSES ?? 10_000);
const IN_FLIGHT = 100;
/** Other users, who each ask for a picture this often. */
const USERS = 16;
const EVERY_MS = 100;
const ALONE_MS = 5_000;
const MIN_KEPT_RATE = 0.9;
const MAX_GROWTH_BYTES = 150 * 1024 * 1024;
/** Log-ins of each kind that are timed, and how far their medians may be apart. */
const TIMED = Number(process.env.TIMED ?? 200);
const MAX_SPREAD_PERCENT = 5;

const PASSWORD = 'quiet-harbour-lamp-1873';
/** Addresses of the loopback network, each a network of its own for the limits. */
const HOME = '127.0.0.9';
const ELSEWHERE = '127.0.0.7';

interface Answer {
  status: number;
  ms: number;
}

const agents = new Map<string, Agent>();

/** Sends a request from an address. */
function send(
  { port }: BenchServer,
  localAddress: string,
  { method, path, headers = {}, body = '' }: LoadRequest,
): Promise<Answer> {
  const agent = agents.get(localAddress) ?? new Agent({ keepAlive: true });
  agents.set(localAddress, agent);
  const start = performance.now();
  return new Promise((resolve, reject) => {
    const all = { ...headers, 'content-length': String(Buffer.byteLength(body)) };
    const sending = request(
      { port, host: '127.0.0.1', localAddress, agent, method, path, headers: all },
      (response) => {
        response.resume();
        response.once('end', () =>
          resolve({ status: response.statusCode ?? 0, ms: performance.now() - start }),
        );
        response.once('error', reject);
      },
    );
    sending.once('error', reject);
    sending.end(body);
  });
}

const tokenRequest = (email: string, password: string, headers = {}): LoadRequest => ({
  method: 'POST',
  path: '/auth/token',
  headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
  body: new URLSearchParams({ username: email, password }).toString(),
});

/** Another /64 each time. */
const network = (index: number) =>
  `2001:db8:${(index >> 16).toString(16)}:${(index & 0xffff).toString(16)}::1`;

interface Attack {
  name: string;
  settings: NodeJS.ProcessEnv;
  guess(index: number): LoadRequest;
  /** How many comparisons the limits allow in this many seconds; undefined if only the queue limits them. */
  maxCompared?(seconds: number): number;
}

const ATTACKS: readonly Attack[] = [
  {
    name: 'one_network',
    settings: {},
    guess: (index) =>
      tokenRequest('ada@example.org', `wrong ${index}`, { 'x-forwarded-for': network(index) }),
    maxCompared: (seconds) => 10 + 2 + seconds / 10,
  },
  {
    name: 'one_account',
    settings: { TRUSTED_PROXIES: '127.0.0.1' },
    guess: (index) =>
      tokenRequest('ada@example.org', `wrong ${index}`, { 'x-forwarded-for': network(index) }),
    maxCompared: (seconds) => 20 + 2 + seconds / 5,
  },
  {
    name: 'every_account',
    settings: { TRUSTED_PROXIES: '127.0.0.1' },
    guess: (index) =>
      tokenRequest(`user${index}@example.org`, PASSWORD, { 'x-forwarded-for': network(index) }),
  },
];

/** Users who ask for a picture at a steady pace, until the signal. */
async function usePictures(
  server: BenchServer,
  picture: LoadRequest,
  isOver: () => boolean,
): Promise<{ rate: number; ms: number; failed: number }> {
  const start = performance.now();
  const times: number[] = [];
  let failed = 0;
  await Promise.all(
    Array.from({ length: USERS }, async (_, user) => {
      let next = start + (EVERY_MS * user) / USERS;
      while (!isOver()) {
        await sleep(Math.max(0, next - performance.now()));
        next = Math.max(next + EVERY_MS, performance.now());
        const { status, ms } = await send(server, ELSEWHERE, picture);
        times.push(ms);
        if (status !== 200) failed += 1;
      }
    }),
  );
  const seconds = (performance.now() - start) / 1000;
  return { rate: (times.length - failed) / seconds, ms: median(times), failed };
}

async function runAttack(
  stage: Stage,
  attack: Attack,
): Promise<{ row: string[]; figures: Record<string, number>; failures: string[] }> {
  const server = await stage.startServer({ ...AUTH_SETTINGS, ...attack.settings });
  const client = await stage.startLoadClient();
  const failures: string[] = [];
  const admin = await logIn(server.url, ADMIN);
  const [ada, bob] = ['ada', 'bob'].map((name) => ({ email: `${name}-${attack.name}@example.org`, name }));
  if (ada === undefined || bob === undefined) throw new Error('There are no users.');
  for (const { email } of [ada, bob]) await post(`${server.url}/users`, admin, { email, password: PASSWORD });
  const guess = (index: number): LoadRequest => {
    const { body = '', ...rest } = attack.guess(index);
    return { ...rest, body: body.replace('ada%40example.org', encodeURIComponent(ada.email)) };
  };
  // From now on, these networks are known.
  for (const [from, { email }] of [
    [HOME, ada],
    [ELSEWHERE, bob],
  ] as const) {
    const { status } = await send(server, from, tokenRequest(email, PASSWORD));
    if (status !== 200) throw new Error(`${email} cannot log in: ${status}`);
  }
  const adaToken = await logIn(server.url, { email: ada.email, password: PASSWORD });

  const headers = { authorization: `Bearer ${admin}` };
  const { id } = await uploadPhoto(server.url, await preparePhoto(stage.folder), headers);
  const picture = { method: 'GET', path: `/images/${id}/resize?width=800`, headers };
  await send(server, ELSEWHERE, picture);
  const end = performance.now() + ALONE_MS;
  const alone = await usePictures(server, picture, () => performance.now() > end);
  const before = (await server.memory()).api;

  let isOver = false;
  const attacking = client
    .call({
      port: server.port,
      requests: Array.from({ length: GUESSES }, (_, i) => guess(i)),
      count: GUESSES,
      inFlight: IN_FLIGHT,
    })
    .finally(() => {
      isOver = true;
    });
  const during = usePictures(server, picture, () => isOver);
  const logIns: Record<string, Answer[]> = { bob: [], adaHome: [], adaToken: [] };
  const people = (async () => {
    while (!isOver) {
      logIns.bob?.push(await send(server, ELSEWHERE, tokenRequest(bob.email, PASSWORD)));
      logIns.adaHome?.push(await send(server, HOME, tokenRequest(ada.email, PASSWORD)));
      const asAda = { authorization: `Bearer ${adaToken}` };
      logIns.adaToken?.push(await send(server, HOME, { method: 'GET', path: '/users/me', headers: asAda }));
      await sleep(250);
    }
  })();
  const result = await attacking;
  const others = await during;
  await people;
  const growth = (await server.memory()).api - before;
  await server.stop();

  const { 200: broken = 0, 401: compared = 0, 429: throttled = 0, 503: overloaded = 0 } = result.statuses;
  if (broken > 0) failures.push(`${attack.name}: ${broken} wrong log-ins succeeded.`);
  if (compared + throttled + overloaded !== GUESSES)
    failures.push(`${attack.name}: other answers: ${JSON.stringify(result.statuses)}`);
  const limit = attack.maxCompared?.(result.seconds) ?? Number.POSITIVE_INFINITY;
  if (compared > limit)
    failures.push(`${attack.name}: ${compared} passwords were compared, at most ${limit}.`);
  const kept = others.rate / alone.rate;
  if (kept < MIN_KEPT_RATE)
    failures.push(`${attack.name}: other users keep ${kept.toFixed(2)} of their rate.`);
  if (others.failed > 0) failures.push(`${attack.name}: ${others.failed} requests of other users failed.`);
  if (growth > MAX_GROWTH_BYTES) failures.push(`${attack.name}: memory grew by ${growth} bytes.`);
  for (const [who, answers] of Object.entries(logIns)) {
    const refused = answers.filter(({ status }) => status !== 200);
    if (refused.length > 0)
      failures.push(`${attack.name}: ${who} was refused ${refused.length} of ${answers.length} times.`);
  }
  const longest = Math.max(...Object.values(logIns).flatMap((answers) => answers.map(({ ms }) => ms)));
  const mib = growth / 1024 / 1024;
  return {
    row: [
      attack.name,
      result.seconds.toFixed(1),
      ...[compared, throttled, overloaded].map(String),
      kept.toFixed(3),
      `${alone.ms.toFixed(1)} → ${others.ms.toFixed(1)}`,
      longest.toFixed(0),
      mib.toFixed(0),
    ],
    figures: {
      [`${attack.name}_compared`]: compared,
      [`${attack.name}_kept_rate`]: Number(kept.toFixed(3)),
      [`${attack.name}_longest_log_in_ms`]: Math.round(longest),
      [`${attack.name}_growth_mib`]: Math.round(mib),
    },
    failures,
  };
}

/** No limit that the timed log-ins could reach. */
const FREE: LogInPaces[keyof LogInPaces] = { burst: 1_000_000, windowSeconds: 3600, everySeconds: 1 };

/** The median times of failing log-ins by kind of account and password, in milliseconds. They take turns. */
async function timeLogIns(stage: Stage): Promise<Map<string, number>> {
  const { url } = await stage.openDatabase();
  await migrate(stage, url);
  const database = await openDatabase({ url, poolSize: 2 });
  const config = loadConfig({ ...AUTH_SETTINGS, DATA_DIR: stage.folder, DATABASE_URL: url });
  const auth = await openAuth(database, config, { warn: () => undefined });
  try {
    const { accounts, users, hasher } = auth;
    const limits = new LogInLimits({
      pool: database.pool,
      paces: { address: FREE, pair: FREE, account: FREE },
    });
    const ours = new LogIn({ users, sessions: accounts.sessions, hasher, limits });
    const common = { name: '', role: 'user' as const, storageQuotaBytes: undefined };
    const create = (email: string, password?: string) => accounts.create({ ...common, email, password });
    await create('existing@example.org', PASSWORD);
    await create('passwordless@example.org');
    const disabled = await create('disabled@example.org', PASSWORD);
    await users.update(disabled.id, { isDisabled: true });
    const wrong = 'wrong-harbour-lamp-1873';
    const kinds: [kind: string, email: string, password: string][] = [
      ['existing, wrong password', 'existing@example.org', wrong],
      ['absent', 'absent@example.org', wrong],
      ['disabled, right password', 'disabled@example.org', PASSWORD],
      ['passwordless', 'passwordless@example.org', wrong],
      ['existing, empty password', 'existing@example.org', ''],
      ['existing, 256 characters', 'existing@example.org', 'x'.repeat(256)],
    ];
    const times = kinds.map((): number[] => []);
    const { signal } = new AbortController();
    for (let round = 0; round < TIMED; round += 1) {
      // Each kind is first equally often.
      for (let turn = 0; turn < kinds.length; turn += 1) {
        const at = (round + turn) % kinds.length;
        const [, email = '', password = ''] = kinds[at] ?? [];
        const start = performance.now();
        const failure = await ours
          .begin({ email, password, address: network(round) }, undefined, '', signal)
          .catch((error: unknown) => error);
        if (!(failure instanceof AppError) || failure.code !== 'log_in_failed') throw failure;
        times[at]?.push(performance.now() - start);
      }
    }
    return new Map(kinds.map(([kind], at) => [kind, median(times[at] ?? [])]));
  } finally {
    await auth.close();
    await database.close();
  }
}

/** Has a server make the tables. */
async function migrate(stage: Stage, DATABASE_URL: string): Promise<void> {
  const server = await stage.startServer({ ...AUTH_SETTINGS, DATABASE_URL });
  await server.stop();
}

/**
 * Guesses passwords: 10,000 wrong log-ins at a time, on one account from one network that claims to be many, on one account from
 * many networks, and with one password on many accounts from many networks. Meanwhile, other users ask for pictures and log in, and
 * the attacked user does so too, from a known network. Then it times failing log-ins without limits, to see whether the time
 * tells which accounts exist.
 */
export const soak: Soak = async () => {
  const figures: Record<string, number> = {};
  const failures: string[] = [];
  const rows = [
    [
      'attack',
      's',
      'compared',
      'throttled',
      'overloaded',
      'others keep',
      'their ms',
      'longest log-in ms',
      'growth MiB',
    ],
  ];
  for (const attack of ATTACKS) {
    const attacked = await onStage((stage) => runAttack(stage, attack));
    rows.push(attacked.row);
    Object.assign(figures, attacked.figures);
    failures.push(...attacked.failures);
  }
  for (const agent of agents.values()) agent.destroy();
  console.log(`\n${formatTable(rows)}`);

  const medians = await onStage(timeLogIns);
  console.log(
    `\n${formatTable([['failing log-in', 'ms'], ...[...medians].map(([kind, ms]) => [kind, ms.toFixed(2)])])}`,
  );
  const spread = (Math.max(...medians.values()) / Math.min(...medians.values()) - 1) * 100;
  figures.time_spread_percent = Number(spread.toFixed(2));
  if (spread > MAX_SPREAD_PERCENT) failures.push(`The times of log-ins differ by ${spread.toFixed(1)} %.`);
  return { figures, failures };
};
