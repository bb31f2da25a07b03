/** Words that are the same value. */
const SAME = [
  ['jpeg', 'jpg'],
  ['tiff', 'tif'],
  ['grey', 'gray'],
  ['grayscale', 'greyscale'],
  ['center', 'centre'],
  ['normalize', 'normalise'],
  ['color', 'colour'],
  ['comma', ','],
  ['semicolon', ';'],
  ['tab', '\t', '\\t'],
];

/**
 * The one of the choices that a client spelled differently: in another case, with hyphens for underscores, or like `jpg` for `jpeg`
 * and `;` for `semicolon`. Undefined if none or more than one is meant.
 */
export function respelledChoice(given: string, choices: readonly string[]): string | undefined {
  const plain = plainSpelling(given);
  const spellings = SAME.find((words) => words.includes(plain)) ?? [plain];
  const [meant, ...others] = choices.filter((choice) => spellings.includes(plainSpelling(choice)));
  return others.length === 0 ? meant : undefined;
}

function plainSpelling(text: string): string {
  // A tab is a word here, not a blank around one.
  return text === '\t' ? text : text.trim().toLowerCase().replaceAll('-', '_');
}

const TRUE = ['true', '1', 'yes', 'on'];
const FALSE = ['false', '0', 'no', 'off'];

/** The text as `true` or `false` if it says so in another way (`True`, `1`, `yes`, `on`); other text unchanged. */
export function respelledBoolean(given: string): string {
  const plain = given.trim().toLowerCase();
  if (TRUE.includes(plain)) return 'true';
  return FALSE.includes(plain) ? 'false' : given;
}
