/** A shorter name may differ from a setting's in one letter, a longer one in two. */
const LONG_NAME = 10;

/**
 * Finds environment variables that look like misspelt settings. Names of one word are too close to variables of other programs
 * (`HOST`, `HOSTS`) and are not compared.
 *
 * @returns the name of each variable with the setting that was probably meant
 */
export function misspeltSettings(
  settings: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): { given: string; meant: string }[] {
  const known = new Set(settings);
  const candidates = settings.filter((name) => name.includes('_'));
  return Object.keys(env).flatMap((given) => {
    if (known.has(given)) return [];
    const upper = given.toUpperCase();
    const meant = candidates.find(
      (name) => distance(upper, name) <= (Math.min(name.length, upper.length) < LONG_NAME ? 1 : 2),
    );
    return meant === undefined ? [] : [{ given, meant }];
  });
}

/**
 * Number of letters to insert, remove, replace or swap with their neighbours to turn one word into the other (optimal string
 * alignment).
 */
function distance(a: string, b: string): number {
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
