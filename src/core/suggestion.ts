import { PARAMETER_GUESSES, VALUE_GUESSES } from './guesses.ts';
import { foldName, nearestName } from './near-names.ts';

/** The accepted parameter that an unknown one probably stands for. */
export function suggestParameter(given: string, accepted: readonly string[]): string | undefined {
  return suggest(given, accepted, PARAMETER_GUESSES);
}

/** The choice that an unknown value probably stands for. */
export function suggestChoice(given: string, choices: readonly string[]): string | undefined {
  return suggest(given, choices, VALUE_GUESSES);
}

function suggest(
  given: string,
  accepted: readonly string[],
  guesses: ReadonlyMap<string, readonly string[]>,
): string | undefined {
  const folded = foldName(given);
  const same = accepted.find((name) => foldName(name) === folded);
  const meant = guesses.get(folded)?.find((text) => accepted.includes(text.split(',')[0] ?? ''));
  return same ?? meant ?? nearestName(given, accepted);
}

/** A suggestion at the end of a message; empty without one. */
export function didYouMean(suggestion: string | undefined): string {
  return suggestion === undefined ? '' : ` (did you mean ${suggestion}?)`;
}
