import { editDistance } from './near-names.ts';
import { ConfigError } from './settings.ts';

/** A shorter name may differ from a setting's in one letter, a longer one in two. */
const LONG_NAME = 10;

/**
 * Finds environment variables that look like misspelt settings. Names of one word are too close to variables of other programs
 * (`HOST`, `HOSTS`) and are not compared.
 *
 * @param otherNames names by which settings are known elsewhere, each with the setting
 * @returns the name of each variable with the setting that was probably meant
 */
export function misspeltSettings(
  settings: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  otherNames: Readonly<Record<string, string>> = {},
): { given: string; meant: string }[] {
  const known = new Set(settings);
  const candidates = settings.filter((name) => name.includes('_'));
  return Object.keys(env).flatMap((given) => {
    if (known.has(given)) return [];
    const upper = given.toUpperCase();
    const meant =
      otherNames[upper] ??
      candidates.find(
        (name) => editDistance(upper, name) <= (Math.min(name.length, upper.length) < LONG_NAME ? 1 : 2),
      );
    return meant === undefined ? [] : [{ given, meant }];
  });
}

/** @throws ConfigError naming every variable that looks like a misspelt setting */
export function refuseMisspelt(...names: Parameters<typeof misspeltSettings>): void {
  const found = misspeltSettings(...names);
  if (found.length === 0) return;
  const hints = found.map(({ given, meant }) => `${given} (did you mean ${meant}?)`);
  throw new ConfigError(`There is no setting ${hints.join(', ')}. Correct the name, or remove the variable.`);
}
