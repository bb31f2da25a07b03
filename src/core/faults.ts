import { AppError, type ErrorCode, type Fault } from './errors.ts';

/** Maximum faults that a problem lists. */
export const MAX_LISTED = 100;
/** Maximum characters of a client's text that a message repeats. */
const MAX_SHOWN = 100;

/**
 * What is wrong with a value, in the one wording of the service (sharp's): "Expected an integer from 1 to 100 for quality
 * but received 101".
 *
 * @param name of the parameter; empty if it has no name
 * @param expected with its article: "an integer from 1 to 100"
 * @param received the value itself, or `Words` about it
 */
export function mismatch(name: string, expected: string, received: unknown): string {
  const subject = name === '' ? '' : ` for ${name}`;
  return `Expected ${expected}${subject} but received ${showValue(received)}`;
}

/** What was received, in words, if the value itself does not show what is wrong: `new Words('a mask of 64×48')`. */
export class Words {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A client's value in a few words, however large it is. */
export function showValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value instanceof Words) return value.text;
  if (typeof value === 'string') return JSON.stringify(clip(value));
  if (Array.isArray(value)) return `an array of ${counted(value.length, 'item')}`;
  if (typeof value === 'object' && value !== null) {
    return `an object of ${counted(Object.keys(value).length, 'property', 'properties')}`;
  }
  return String(value);
}

/** `1 item`, `2 items`. */
export function counted(count: number, singular: string, plural = `${singular}s`): string {
  return `${count} ${count === 1 ? singular : plural}`;
}

/** The beginning of a client's text, for messages. It is well-formed Unicode even if a surrogate pair is cut. */
export function clip(text: string, maxLength = MAX_SHOWN): string {
  return text.length <= maxLength ? text : `${text.slice(0, maxLength).toWellFormed()}…`;
}

/** The name of the value at a JSON Pointer: `width` for `/operations/0/width`, `points[3]` for `/markers/points/3`. */
export function nameOf(path: string): string {
  const parts = path.split('/').slice(1);
  const last = parts.findLastIndex((part) => !/^\d+$/.test(part));
  const indices = parts.slice(last + 1).map((index) => `[${index}]`);
  return [parts[last] ?? '', ...indices].join('').replaceAll('~1', '/').replaceAll('~0', '~');
}

/** A member's name as a part of a JSON Pointer (RFC 6901, 3). */
export function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** A fault of one parameter. */
export function parameterFault(path: string, expected: string, received: unknown): Fault {
  return { path, message: mismatch(nameOf(path), expected, received) };
}

/** A `validation_failed`, or another failure, because of one parameter. */
export function parameterError(
  path: string,
  expected: string,
  received: unknown,
  code?: ErrorCode,
): AppError {
  return parameterErrors([parameterFault(path, expected, received)], code);
}

/**
 * The fault at another path: that of the value as the client sent it. If a part of that value is at fault (`/box/width` of
 * `box=0,0,9,9`), the message names both: `width of box`.
 */
export function relocatedFault<F extends Fault>(fault: F, path: string): F {
  const [inner, outer] = [nameOf(fault.path), nameOf(path)];
  if (inner === '' || outer === '' || [inner, inner.replace(/\[.*/, '')].includes(outer)) {
    return { ...fault, path };
  }
  const message = fault.message.replace(` for ${inner} but`, () => ` for ${inner} of ${outer} but`);
  return { ...fault, path, message };
}

/** The error, with its faults at other paths and the detail to match; what has no faults is unchanged. */
export function relocatedError(error: unknown, relocate: (fault: Fault) => Fault): unknown {
  if (!(error instanceof AppError) || error.errors.length === 0) return error;
  const errors = error.errors.map(relocate);
  // The detail begins with the first message.
  const [before, after] = [error.errors[0]?.message ?? '', errors[0]?.message ?? ''];
  const detail = error.detail.startsWith(before) ? after + error.detail.slice(before.length) : error.detail;
  return new AppError(error.code, detail, { errors, cause: error });
}

/** The first faults of something, and the number of all. */
export interface Faults {
  readonly listed: readonly Fault[];
  readonly total: number;
}

/** A `validation_failed`, or another failure, because of one or several parameters. */
export function parameterErrors(faults: readonly Fault[], code?: ErrorCode): AppError {
  return faultsError({ listed: faults, total: faults.length }, code);
}

/** A failure whose detail is the message of the first fault and the number of further ones. It lists the first 100. */
export function faultsError({ listed, total }: Faults, code: ErrorCode = 'validation_failed'): AppError {
  const [first] = listed;
  if (first === undefined) throw new Error('A failed validation has at least one fault');
  const note = total > MAX_LISTED ? `; the first ${MAX_LISTED} are listed` : '';
  const rest = total === 1 ? '' : ` (and ${counted(total - 1, 'more fault')}${note})`;
  return new AppError(code, `${first.message}${rest}`, { errors: listed.slice(0, MAX_LISTED) });
}
