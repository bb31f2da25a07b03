const MAX_LENGTH = 255;

/** Control characters, and marks that change the direction of text (they can disguise an extension: `gpj.exe`). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: to remove them
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/**
 * A file name that is safe to store and send: the last part of a path, without control characters, well-formed Unicode,
 * at most 255 UTF-16 units long (a longer name keeps its extension); `fallback` if nothing is left.
 */
export function sanitizeFilename(name: string, fallback: string): string {
  const last = name.split(/[/\\]/).at(-1) ?? '';
  const clean = last.toWellFormed().replace(UNPRINTABLE, '').trim();
  if (clean === '' || clean === '.' || clean === '..') return fallback;
  if (clean.length <= MAX_LENGTH) return clean;
  const extension = /\.[A-Za-z0-9]{1,10}$/.exec(clean)?.[0] ?? '';
  return (
    clean
      .slice(0, MAX_LENGTH - extension.length)
      .toWellFormed()
      .replace(/\ufffd$/, '') + extension
  );
}

/** The name without its extension. */
export function stemOf(filename: string): string {
  return filename.replace(/(?<=.)\.[A-Za-z0-9]{1,10}$/, '');
}
