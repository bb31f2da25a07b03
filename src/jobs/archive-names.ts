import { stemOf } from '../core/filename.ts';

/** File systems take names of up to 255 bytes. */
const MAX_BYTES = 200;

/** Characters that a file name cannot have on Windows, or that lead out of a folder. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: to replace them
const FORBIDDEN = /[<>:"/\\|?*\u0000-\u001f\u007f]/g;

/**
 * The name of a result in an archive: unique by the position of its item, and safe on every file system.
 *
 * @param total number of items: positions have as many digits, so that names sort by them
 */
export function archiveName(position: number, total: number, filename: string): string {
  const digits = String(Math.max(total - 1, 0)).length;
  const clean = filename
    .toWellFormed()
    .replace(FORBIDDEN, '_')
    .replace(/[. ]+$/, '');
  const stem = stemOf(clean);
  const extension = clean.slice(stem.length);
  return `${String(position).padStart(digits, '0')}-${clip(stem, MAX_BYTES)}${extension}`;
}

/** As many whole characters from the start as fit into a number of bytes of UTF-8. */
function clip(text: string, maxBytes: number): string {
  const buffer = new Uint8Array(maxBytes);
  const { read } = new TextEncoder().encodeInto(text, buffer);
  return text.slice(0, read);
}
