import { ConfigError } from '../../core/settings.ts';
import type { AuthSettings } from '../settings.ts';
import { MIN_SECRET_LENGTH } from './key-ring.ts';

const REMEDY = 'Make one with `openssl rand -base64 32`.';

/** 32 random hexadecimal digits have fewer once in 30 million times. */
const FEWEST_CHARACTERS = 8;

/** Parts of secrets that documentation shows. Each has six letters or more, so that random secrets do not contain them. */
const EXAMPLE_PARTS = [
  'asdfgh',
  'change',
  'correcthorse',
  'default',
  'donotuse',
  'dontuse',
  'example',
  'insecure',
  'openssl',
  'password',
  'placeholder',
  'qwerty',
  'reallyreally',
  'replace',
  'secret',
  'securekey',
  'somerandom',
  'urandom',
];

/** Secrets from the documentation of FastAPI and of imgproxy (its key and its salt), which look random. */
const PUBLISHED = [
  '09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7',
  '943b421c9eb07c830af81030552c86009268de4e532ba2ee2eab8247c6da0881',
  '520f986b998545b4785e0defbc4f3c1203f22de2374a3d53cb7a7fe9fea309c5',
];

/**
 * Checks SECRET and PREVIOUS_SECRETS. Whoever guesses one of them can make access tokens for every user.
 *
 * @param exposure the setting because of which authentication is required, if it is not AUTH_MODE itself
 * @throws ConfigError if one is missing, short, an example or not random. The message does not repeat it.
 */
export function checkSecrets(
  settings: Pick<AuthSettings, 'AUTH_MODE' | 'SECRET' | 'PREVIOUS_SECRETS'>,
  exposure?: string,
): void {
  const { AUTH_MODE, SECRET, PREVIOUS_SECRETS } = settings;
  if (SECRET === undefined) {
    if (AUTH_MODE === 'disabled' && PREVIOUS_SECRETS.length === 0) return;
    const reason = exposure === undefined ? '' : `, because others can reach the service with ${exposure}`;
    throw new ConfigError(
      AUTH_MODE === 'required'
        ? `SECRET is not set, but clients have to log in${reason}. ${REMEDY}`
        : `PREVIOUS_SECRETS is set, but SECRET is not. ${REMEDY}`,
    );
  }
  const named = [
    ['SECRET', SECRET],
    ...PREVIOUS_SECRETS.map((secret, index) => [`PREVIOUS_SECRETS (number ${index + 1})`, secret]),
  ] as [name: string, secret: string][];
  for (const [name, secret] of named) {
    const fault = findFault(secret);
    if (fault !== undefined) throw new ConfigError(`${name} ${fault}. ${REMEDY}`);
  }
  if (SECRET.includes(','))
    throw new ConfigError(
      `SECRET contains a comma, so it could not be listed in PREVIOUS_SECRETS later. ${REMEDY}`,
    );
}

/** What is wrong with a secret, to be read after its name; undefined if it can be random. */
function findFault(secret: string): string | undefined {
  const { length } = secret;
  if (length < MIN_SECRET_LENGTH) return `has ${length} characters, but needs at least ${MIN_SECRET_LENGTH}`;
  if (/\s/.test(secret)) return 'contains blanks, which random secrets do not';
  if (new Set(secret).size < FEWEST_CHARACTERS || isRepetition(secret) || isSequence(secret))
    return 'is not random: its characters follow a pattern';
  const folded = secret.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  const isExample = PUBLISHED.includes(folded) || EXAMPLE_PARTS.some((part) => folded.includes(part));
  return isExample ? 'is an example, or contains a word of one' : undefined;
}

/** Whether a text consists of one part that is repeated, the last time perhaps not to its end. */
function isRepetition(text: string): boolean {
  const periods = Array.from({ length: Math.ceil(text.length / 2) }, (_, index) => index + 1);
  return periods.some((period) => text.startsWith(text.slice(period)));
}

/** Whether most characters are equal to the ones before them or next to them in the alphabet: `abcdefg`, `aaabbbccc`. */
function isSequence(text: string): boolean {
  const codes = Array.from(text, (character) => character.codePointAt(0) ?? 0);
  const steps = codes.slice(1).filter((code, index) => Math.abs(code - (codes[index] ?? 0)) <= 1);
  return steps.length > codes.length * 0.6;
}
