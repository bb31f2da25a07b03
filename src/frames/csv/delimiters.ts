/** The characters that can separate cells, by their names in the API. */
const CHARACTERS = { comma: ',', semicolon: ';', tab: '\t' } as const;

export type DelimiterName = keyof typeof CHARACTERS;
export type Delimiter = (typeof CHARACTERS)[DelimiterName];

export const DELIMITER_NAMES = Object.keys(CHARACTERS) as DelimiterName[];
export const DELIMITERS: readonly Delimiter[] = Object.values(CHARACTERS);

/** The character that a name stands for. */
export function delimiterNamed(name: DelimiterName): Delimiter {
  return CHARACTERS[name];
}

/** The name of a character. */
export function nameOfDelimiter(delimiter: Delimiter): DelimiterName {
  return DELIMITER_NAMES[DELIMITERS.indexOf(delimiter)] as DelimiterName;
}
