const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** The index after a string that starts with a quote at `start`, or the end of the text. */
function skipString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return end + 1;
  }
  return text.length;
}

export interface JsonLimits {
  /** Values in the text: those inside others, and all others. */
  values: number;
  /** Levels of arrays and objects inside each other. */
  depth: number;
  /** Members of one object. */
  members: number;
}

/**
 * Finds out whether a JSON text is too large before it is parsed: parsing and checking 1 MiB of `[[[…` or `{},{},…` takes up to
 * 100 ms, this scan about 2 ms. It does not check the syntax.
 *
 * @returns what was expected of the text; undefined if it meets that
 */
export function unmetByJson(text: string, limits: JsonLimits): string | undefined {
  let values = 1;
  /** For each level, the commas so far in an object, or undefined for an array. */
  const levels: (number | undefined)[] = [];
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    switch (code) {
      case QUOTE:
        index = skipString(text, index) - 1;
        break;
      case COMMA: {
        values += 1;
        const commas = levels.at(-1);
        if (commas === undefined) break;
        if (commas + 1 >= limits.members) return `JSON objects of at most ${limits.members} members`;
        levels[levels.length - 1] = commas + 1;
        break;
      }
      case OPEN_BRACKET:
      case OPEN_BRACE:
        values += 1;
        levels.push(code === OPEN_BRACE ? 0 : undefined);
        break;
      case CLOSE_BRACKET:
      case CLOSE_BRACE:
        levels.pop();
        break;
    }
    if (levels.length > limits.depth) return `JSON of at most ${limits.depth} levels`;
    if (values > limits.values) return `JSON of at most ${limits.values} values`;
  }
  return undefined;
}
