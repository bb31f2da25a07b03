import { clip, mismatch, Words } from './faults.ts';

const SPACES = /[\t\n\r ]*/y;
/** A number or a literal; which words are literals is checked afterwards. */
const WORD = /[\w.+-]+/y;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const LITERALS = ['true', 'false', 'null'];
const ESCAPE = /\\(?:["\\/bfnrt]|u[\dA-Fa-f]{4})/y;
/** A run of characters that need no escape. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids them in strings
const PLAIN = /[^"\\\u0000-\u001f]+/y;

const MAX_SHOWN_WORD = 30;

/** What was expected at an index of the text, which has something else there. */
class Unexpected extends Error {
  readonly index: number;
  readonly expected: string;

  constructor(index: number, expected: string) {
    super(expected);
    this.index = index;
    this.expected = expected;
  }
}

/** Reads a text by the grammar of RFC 8259 and keeps nothing. */
class Reader {
  #index = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  document(): void {
    this.#value();
    if (this.#index < this.#text.length) throw this.#unexpected('the end of the body');
  }

  #unexpected(expected: string): Unexpected {
    return new Unexpected(this.#index, expected);
  }

  /** Goes behind a match at the current index. */
  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#index;
    const [found] = pattern.exec(this.#text) ?? [''];
    this.#index += found.length;
    return found;
  }

  #has(character: string): boolean {
    if (this.#text[this.#index] !== character) return false;
    this.#index += 1;
    return true;
  }

  #value(): void {
    this.#take(SPACES);
    if (this.#has('{')) this.#items('}', () => this.#member());
    else if (this.#has('[')) this.#items(']', () => this.#value());
    else if (this.#has('"')) this.#restOfString();
    else this.#word();
    this.#take(SPACES);
  }

  #items(end: string, readItem: () => void): void {
    this.#take(SPACES);
    if (this.#has(end)) return;
    do readItem();
    while (this.#has(','));
    if (!this.#has(end)) throw this.#unexpected(`"," or "${end}"`);
  }

  #member(): void {
    this.#take(SPACES);
    if (!this.#has('"')) throw this.#unexpected('a name in double quotes');
    this.#restOfString();
    this.#take(SPACES);
    if (!this.#has(':')) throw this.#unexpected('":"');
    this.#value();
  }

  #restOfString(): void {
    while (!this.#has('"')) {
      if (this.#take(PLAIN) !== '' || this.#take(ESCAPE) !== '') continue;
      const isAtEnd = this.#index >= this.#text.length;
      throw this.#unexpected(isAtEnd ? 'the closing quote of a text' : 'an escape such as \\n or \\\\');
    }
  }

  #word(): void {
    const start = this.#index;
    const word = this.#take(WORD);
    if (LITERALS.includes(word) || NUMBER.test(word)) return;
    throw new Unexpected(start, 'a JSON value');
  }
}

/**
 * Says what is wrong with the syntax of a JSON text, and where: 'Expected a JSON value but received "NaN" at line 1, column 11'.
 * Lines and columns count from 1, columns in UTF-16 code units. The text must not be nested deeply.
 *
 * @returns undefined if the syntax is right
 */
export function jsonSyntaxFault(body: string): string | undefined {
  // A byte order mark is ignored (RFC 8259, 8.1).
  const text = body.replace(/^\uFEFF/, '');
  if (text === '') return mismatch('', 'a JSON document', new Words('an empty body'));
  try {
    new Reader(text).document();
    return undefined;
  } catch (error) {
    if (!(error instanceof Unexpected)) throw error;
    const { index, expected } = error;
    return mismatch('', expected, new Words(`${shownAt(text, index)} at ${placeOf(text, index)}`));
  }
}

function shownAt(text: string, index: number): string {
  if (index >= text.length) return 'the end of the body';
  WORD.lastIndex = index;
  const [word] = WORD.exec(text) ?? [String.fromCodePoint(text.codePointAt(index) ?? 0)];
  return JSON.stringify(clip(word, MAX_SHOWN_WORD).toWellFormed());
}

function placeOf(text: string, index: number): string {
  const before = text.slice(0, index).split(/\r\n|\r|\n/);
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}
