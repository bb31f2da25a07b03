import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Argon2Cost, createHash, workOf } from '../src/auth/passwords/argon2.ts';
import { PASSWORD_COST, PasswordHasher } from '../src/auth/passwords/hash.ts';
import { checkPassword } from '../src/auth/passwords/strength.ts';
import { counted } from '../src/core/faults.ts';
import { median } from './support/compare.ts';
import { formatTable } from './support/report.ts';
import type { Bench, Figure } from './support/types.ts';

/** Maximum median of the chosen cost: two at a time then compare 40 passwords in a second. */
const MAX_HASH_MS = 50;
const MAX_BLOCKING_MS = 20;
const HASHES = 15;
const COMPARISONS = 60;
const CHECKS = 5;
/** The kind of comparison whose time may differ: its account is hashed again at the next log-in. */
const OLDER = 'older hash, half the memory';

/** OWASP's equivalents (its minimum is 19 MiB with 2 passes) and what is above them, up to RFC 9106's choice for little memory. */
const CANDIDATES: readonly Argon2Cost[] = [
  [19, 2],
  [46, 1],
  [19, 3],
  [31, 2],
  [31, 3],
  [32, 2],
  [32, 3],
  [46, 2],
  [64, 2],
  [64, 3],
].map(([mebibytes = 0, passes = 0]) => ({ memory: mebibytes * 1024, passes, parallelism: 1 }));

const describe = ({ memory, passes }: Argon2Cost): string =>
  `${memory / 1024} MiB, ${counted(passes, 'pass', 'passes')}`;

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Milliseconds of one hash at each candidate's cost, the median. */
async function measureCosts(): Promise<Map<Argon2Cost, number>> {
  const password = Buffer.from('correct zebra battery staple');
  const times = new Map<Argon2Cost, number[]>(CANDIDATES.map((cost) => [cost, []]));
  for (let i = 0; i < HASHES; i += 1)
    for (const [cost, all] of times) all.push(await timeOf(() => createHash(password, cost)));
  return new Map([...times].map(([cost, all]) => [cost, median(all)]));
}

/** The most work that is fast enough; the least work if none is. */
function choose(medians: Map<Argon2Cost, number>): Argon2Cost {
  const [least, ...others] = CANDIDATES.toSorted((a, b) => workOf(a) - workOf(b)) as [Argon2Cost];
  return others.reduce((best, cost) => ((medians.get(cost) ?? Infinity) <= MAX_HASH_MS ? cost : best), least);
}

/** Milliseconds of a comparison by kind of account and password, the medians. They take turns. */
async function measureComparisons(): Promise<Map<string, number>> {
  const hasher = new PasswordHasher();
  const password = 'correct zebra battery staple';
  const stored = await hasher.hash(password);
  const weaker = { ...PASSWORD_COST, memory: PASSWORD_COST.memory / 2 };
  const older = await new PasswordHasher({ cost: weaker }).hash(password);
  const kinds: [kind: string, password: string, stored: string | null][] = [
    ['right', password, stored],
    ['wrong', 'wrong zebra battery staple', stored],
    ['empty', '', stored],
    ['256 characters', '🔑'.repeat(256), stored],
    ['over-long', 'x'.repeat(1_000_000), stored],
    ['no account', password, null],
    [OLDER, password, older],
  ];
  const times = kinds.map((): number[] => []);
  for (let i = 0; i < COMPARISONS; i += 1)
    for (const [at, [, given, phc]] of kinds.entries())
      times[at]?.push(await timeOf(() => hasher.verify(given, phc)));
  return new Map(kinds.map(([kind], at) => [kind, median(times[at] ?? [])]));
}

/** Passwords of 256 characters that take zxcvbn longest. */
function worstPasswords(): string[] {
  // A fixed sequence, so that each run measures the same.
  let state = 1;
  const next = (count: number): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state % count;
  };
  const random = (alphabet: string) =>
    Array.from({ length: 256 }, () => alphabet[next(alphabet.length)]).join('');
  const repeated = (text: string) => text.repeat(256).slice(0, 256);
  return [
    ...Array.from({ length: 5 }, () => random('0123456789')),
    random('4@3!1|0$5+7'),
    random('4@()[]{}<>|1!'),
    random('abcdefghijklmnopqrstuvwxyzABCDEF0123456789!@#$%^&*'),
    random('ab'),
    random('aA'),
    ...['1', '4', 'a', '|\\/|', '01/02/1999', 'qwertyuiop', 'p4ssw0rd', 'passwordmonkey123'].map(repeated),
  ];
}

/** Milliseconds for which the event loop waits at most while a password is checked, and for which one check takes at most. */
async function measureStrength(): Promise<{ blocking: number; check: number }> {
  const context = { email: 'ada.lovelace@analytical-engine.example', name: 'Augusta Ada King' };
  const check = (password: string) => checkPassword(password, context).catch(() => undefined);
  await check('correct zebra battery staple');
  // Each password's longest pause is its median, because other work of the machine makes single ones longer.
  const worst = { blocking: 0, check: 0 };
  for (const password of worstPasswords()) {
    const pauses: number[] = [];
    const checks: number[] = [];
    for (let i = 0; i < CHECKS; i += 1) {
      let isDone = false;
      const checking = timeOf(() => check(password)).then((ms) => {
        isDone = true;
        checks.push(ms);
      });
      let longest = 0;
      while (!isDone) longest = Math.max(longest, await timeOf(() => nextTurn()));
      await checking;
      pauses.push(longest);
    }
    worst.blocking = Math.max(worst.blocking, median(pauses));
    worst.check = Math.max(worst.check, median(checks));
  }
  return worst;
}

/** The cost of a password: candidates for argon2id, the time of each kind of comparison, and the worst passwords to check. */
export const bench: Bench = async () => {
  const medians = await measureCosts();
  const chosen = choose(medians);
  const rows = [...medians].map(([cost, ms]) => [describe(cost), ms.toFixed(1)]);
  console.log(`\n${formatTable([['argon2id, 1 lane', 'ms'], ...rows])}`);
  console.log(`chosen: ${describe(chosen)}; in use: ${describe(PASSWORD_COST)}`);
  const comparisons = await measureComparisons();
  const kinds = [...comparisons].map(([kind, ms]) => [kind, ms.toFixed(2)]);
  console.log(`\n${formatTable([['comparison', 'ms'], ...kinds])}`);
  const all = [...comparisons].flatMap(([kind, ms]) => (kind === OLDER ? [] : [ms]));
  const strength = await measureStrength();
  const figures: Figure[] = [
    {
      name: 'password_ms',
      what: 'comparing a password, the median',
      value: comparisons.get('right') ?? Number.NaN,
    },
    {
      name: 'comparison_spread_percent',
      what: 'between the medians of the slowest and the fastest kind, without older hashes',
      value: (Math.max(...all) / Math.min(...all) - 1) * 100,
      limit: 5,
    },
    {
      name: 'strength_blocking_ms',
      what: 'the event loop waits for a new password of 256 characters, the worst of 18 kinds',
      value: strength.blocking,
      limit: MAX_BLOCKING_MS,
    },
    { name: 'strength_check_ms', what: 'checking it altogether', value: strength.check },
  ];
  return { comparisons: [], figures };
};
