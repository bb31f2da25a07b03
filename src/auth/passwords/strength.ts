import { setImmediate as nextTurn } from 'node:timers/promises';
import type { TranslationKeys, ZxcvbnFactory } from '@zxcvbn-ts/core';
import type { AppError, Fault } from '../../core/errors.ts';
import { counted, parameterErrors, parameterFault, Words } from '../../core/faults.ts';

/** Characters are code points. */
export const MIN_PASSWORD_CHARACTERS = 12;
export const MAX_PASSWORD_CHARACTERS = 256;

/** zxcvbn's "safely unguessable": at least 10^8 guesses, which is too many for those who can only try to log in. */
const MIN_SCORE = 3;

/**
 * UTF-16 code units that are scored at once. The time grows with their square: 64 take up to 25 ms, 256 up to 400 ms, and the event
 * loop waits. A password is at least as hard to guess as each of its parts, so the parts of a longer one are scored one by one.
 */
const PART_LENGTH = 48;
/** Halves the time of the worst passwords (zxcvbn's default is 100). Few people replace more than 30 letters by digits. */
const MAX_SUBSTITUTIONS = 30;

const SERVICE_NAME = 'coreframe';
/** Shorter parts of a name occur in good passwords by chance. */
const MIN_KNOWN_LENGTH = 3;

export interface PasswordContext {
  /** JSON Pointer to the password. Default: `/password`. */
  path?: string;
  /** Of the password's owner, whose passwords are guessed from them first. */
  email: string;
  name?: string | null | undefined;
}

/**
 * Checks that a password can be set: 12 to 256 characters, and hard to guess in the opinion of zxcvbn. There are no rules about
 * the kinds of characters.
 *
 * @throws AppError `validation_failed`. It does not repeat the password.
 */
export async function checkPassword(password: string, context: PasswordContext): Promise<void> {
  const { path = '/password', email, name } = context;
  const range = `${MIN_PASSWORD_CHARACTERS} to ${MAX_PASSWORD_CHARACTERS} characters`;
  const fault = (expected: string, received: string): AppError =>
    parameterErrors([passwordFault(path, expected, received)]);
  // A code point has one or two units, so megabytes are not counted.
  if (password.length > 2 * MAX_PASSWORD_CHARACTERS) throw fault(range, 'more');
  const length = [...password].length;
  if (length < MIN_PASSWORD_CHARACTERS || length > MAX_PASSWORD_CHARACTERS)
    throw fault(range, counted(length, 'character'));
  // All lone surrogates have the same bytes in UTF-8, so different passwords would be the same.
  if (!password.isWellFormed()) throw fault('well-formed Unicode', 'half a surrogate pair');
  const weakness = await findWeakness(password, [SERVICE_NAME, email, name ?? '']);
  if (weakness !== undefined) throw fault('a value that is hard to guess', weakness);
}

const passwordFault = (path: string, expected: string, received: string): Fault =>
  parameterFault(path, expected, new Words(received));

/** Why a password is easy to guess and how to do better, in sentences; undefined if it is hard to guess. */
async function findWeakness(password: string, known: readonly string[]): Promise<string | undefined> {
  const zxcvbn = await loadZxcvbn();
  const words = [...new Set(known.flatMap(partsOf))];
  const rest = withoutLong(password, words);
  let weakness: string | undefined;
  for (let start = 0; start === 0 || start < rest.length; start += PART_LENGTH) {
    if (start > 0) await nextTurn();
    const { score, feedback } = zxcvbn.check(rest.slice(start, start + PART_LENGTH), words);
    if (score >= MIN_SCORE) return undefined;
    weakness ??= describe(feedback);
  }
  return weakness;
}

/** A text that is known of the owner, and its parts: local part and domain, names, words. */
function partsOf(text: string): string[] {
  const separators = [/[@\s]+/, /[@.\s]+/, /[^\p{L}\p{N}]+/u];
  const parts = [text, ...separators.flatMap((separator) => text.split(separator))];
  return parts.filter((part) => part.length >= MIN_KNOWN_LENGTH);
}

/** The password without known texts that are too long to be recognized in one part. */
function withoutLong(password: string, words: readonly string[]): string {
  const long = words.filter((word) => word.length > PART_LENGTH).map((word) => word.toLowerCase());
  const lower = password.toLowerCase();
  if (!long.some((word) => lower.includes(word))) return password;
  return long.reduce((rest, word) => rest.replaceAll(word, ''), lower);
}

let loaded: Promise<ZxcvbnFactory> | undefined;

/** Its dictionaries take 15 MB and 50 ms, which a process spends when the first password is set. */
function loadZxcvbn(): Promise<ZxcvbnFactory> {
  loaded ??= createZxcvbn().catch((error: unknown) => {
    loaded = undefined;
    throw error;
  });
  return loaded;
}

async function createZxcvbn(): Promise<ZxcvbnFactory> {
  const { ZxcvbnFactory } = await import('@zxcvbn-ts/core');
  const { adjacencyGraphs, dictionary } = await import('@zxcvbn-ts/language-common');
  return new ZxcvbnFactory({
    dictionary,
    graphs: adjacencyGraphs,
    maxLength: PART_LENGTH,
    l33tMaxSubstitutions: MAX_SUBSTITUTIONS,
  });
}

/** The part of a sentence after "received". */
const WARNINGS: Readonly<Record<keyof TranslationKeys['warnings'], string>> = {
  straightRow: 'a row of keys on the keyboard',
  keyPattern: 'a short pattern on the keyboard',
  simpleRepeat: 'a repeated character',
  extendedRepeat: 'a repeated pattern of characters',
  sequences: 'a common sequence, such as abc',
  recentYears: 'a recent year',
  dates: 'a date',
  topTen: 'one of the ten most common passwords',
  topHundred: 'one of the hundred most common passwords',
  common: 'a common password',
  similarToCommon: 'something similar to a common password',
  wordByItself: 'a single word',
  namesByThemselves: 'a name',
  commonNames: 'a common name',
  userInputs: 'your name, your e-mail address or the name of this service',
  pwned: 'a password from a data breach',
};

const SUGGESTIONS: Readonly<Record<keyof TranslationKeys['suggestions'], string>> = {
  l33t: 'Digits and signs instead of letters, such as 4 for a, do not help much.',
  reverseWords: 'Words spelled backwards do not help much.',
  allUppercase: 'Capital letters throughout do not help much.',
  capitalization: 'A capital letter at the beginning does not help much.',
  dates: 'Avoid dates that others may know.',
  recentYears: 'Avoid recent years.',
  associatedYears: 'Avoid years that others may know.',
  sequences: 'Avoid common sequences.',
  repeated: 'Avoid repeated words and characters.',
  longerKeyboardPattern: 'Use longer patterns on the keyboard, with more turns.',
  anotherWord: 'Add more words that are less common.',
  useWords: 'Use several words, but not a common phrase.',
  noNeed: 'Digits, signs and capital letters are not needed.',
  pwned: 'Change it everywhere that you use it.',
};

/** zxcvbn's feedback, which consists of keys if no language is loaded, in sentences. */
function describe({
  warning,
  suggestions,
}: {
  warning: string | null;
  suggestions: readonly string[];
}): string {
  const what = textOf(WARNINGS, warning ?? '') ?? 'one that can be guessed';
  const advice = suggestions.flatMap((key) => textOf(SUGGESTIONS, key) ?? []);
  return [`${what}.`, ...advice].join(' ');
}

const textOf = (texts: Readonly<Record<string, string>>, key: string): string | undefined => texts[key];
