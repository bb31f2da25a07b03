import { AppError, type Fault } from './errors.ts';

/** Characters of a client's text that a message repeats. */
const MAX_SHOWN = 100;

/**
 * What is wrong with a value, in the one wording of the service (sharp's): "Expected an integer from 1 to 100 for quality
 * but received 101".
 *
 * @param name of the parameter; empty where the value has none
 * @param expected with its article: "an integer from 1 to 100"
 */
export function mismatch(name: string, expected: string, received: unknown): string {
  return wording(name, expected, showValue(received));
}

/** The same for what is received in words: "an artifact that is a histogram". */
export function wording(name: string, expected: string, received: string): string {
  const subject = name === '' ? '' : ` for ${name}`;
  return `Expected ${expected}${subject} but received ${received}`;
}

/** A client's value in a few words, however large it is. */
export function showValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string') return JSON.stringify(clip(value));
  if (Array.isArray(value)) return `an array of ${value.length} ${value.length === 1 ? 'item' : 'items'}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return String(value);
}

function clip(text: string): string {
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN).toWellFormed()}…`;
}

/** The name of what a JSON Pointer leads to: `width` for `/operations/0/width`, `points[3]` for `/markers/points/3`. */
export function nameOf(path: string): string {
  const parts = path.split('/').slice(1);
  const last = parts.findLastIndex((part) => !/^\d+$/.test(part));
  const indices = parts.slice(last + 1).map((index) => `[${index}]`);
  return [parts[last] ?? '', ...indices].join('').replaceAll('~1', '/').replaceAll('~0', '~');
}

/** A fault of one parameter, at its place in the parameters. The HTTP layer moves it to where the value stood. */
export function parameterFault(path: string, expected: string, received: unknown): Fault {
  return { location: 'body', path, message: mismatch(nameOf(path), expected, received) };
}

/** A `validation_failed` about one parameter. */
export function parameterError(path: string, expected: string, received: unknown): AppError {
  return parameterErrors([parameterFault(path, expected, received)]);
}

/** A `validation_failed` about one or several parameters. Its detail is the message of the first one. */
export function parameterErrors(faults: readonly Fault[]): AppError {
  const [first] = faults;
  if (first === undefined) throw new Error('A failed validation has at least one fault');
  const more = faults.length === 1 ? '' : ` (and ${faults.length - 1} more)`;
  return new AppError('validation_failed', `${first.message}${more}`, { errors: faults });
}
