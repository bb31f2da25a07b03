/** The shorter of two names must have this many characters for a difference of one, and of two. */
const ONE_FROM = 3;
const TWO_FROM = 6;

/**
 * The candidate that a misspelt name probably stands for: one that differs only in case, hyphens, underscores or brackets, or else
 * in one letter, or in two if it is long.
 */
export function nearestName(given: string, candidates: readonly string[]): string | undefined {
  const folded = foldName(given);
  if (folded === '') return undefined;
  let [best, least]: [string | undefined, number] = [undefined, Number.POSITIVE_INFINITY];
  for (const candidate of candidates) {
    const other = foldName(candidate);
    const shorter = Math.min(folded.length, other.length);
    const allowed = shorter < ONE_FROM ? 0 : shorter < TWO_FROM ? 1 : 2;
    const distance = editDistance(folded, other);
    if (distance <= allowed && distance < least) [best, least] = [candidate, distance];
  }
  return best;
}

/** A name without case and punctuation: `minArea`, `min-area` and `min_area[]` are the same. */
export function foldName(name: string): string {
  return name.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '');
}

/**
 * Number of letters to insert, remove, replace or swap with their neighbours to turn one word into the other (optimal string
 * alignment). Infinity if their lengths differ by more than 2.
 */
export function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return Number.POSITIVE_INFINITY;
  let [beforeLast, last]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replace = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = isSwap ? (beforeLast[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY;
      row.push(Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, replace, swap));
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length] ?? 0;
}
