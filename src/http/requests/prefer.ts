import type { FastifyRequest } from 'fastify';

/** How a client wants to be answered that does not want to wait for the end of the work (RFC 7240, 4.1 and 4.3). */
export interface AsyncPreference {
  /** How long it waits for the answer itself before it wants that of the job. */
  waitSeconds: number;
  /** The value of `Preference-Applied`. */
  applied: string;
}

/** The longest wait; a longer one is shortened to this, because proxies between would end it. */
export const MAX_WAIT_SECONDS = 60;

/** A longer header is nonsense, and would take long to read. */
const MAX_LENGTH = 1000;
/** What stands between two commas, which may also be in quotes. A quote that is left open ends with the header. */
const ELEMENT = /(?:[^,"]|"(?:[^"\\]|\\.?)*(?:"|$))+/gs;
/** A preference with its value. Parameters may follow it. */
const PREFERENCE = /^\s*([!#$%&'*+.^_`|~\w-]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*)))?\s*(?:;|$)/s;

/**
 * Whether the client prefers to be answered before the work is done. Preferences are never errors: those that are unknown or malformed are
 * ignored, and so is a `wait` without `respond-async`.
 */
export function asyncPreference({ headers }: FastifyRequest): AsyncPreference | undefined {
  const { prefer } = headers;
  if (typeof prefer !== 'string' || prefer.length > MAX_LENGTH) return undefined;
  const preferences = readPreferences(prefer);
  if (preferences.get('respond-async') !== '') return undefined;
  const wait = preferences.get('wait') ?? '';
  if (!/^\d+$/.test(wait)) return { waitSeconds: 0, applied: 'respond-async' };
  const waitSeconds = Math.min(Number(wait), MAX_WAIT_SECONDS);
  return { waitSeconds, applied: `respond-async, wait=${waitSeconds}` };
}

/** Preferences by their names in lower case, with their values; an empty one is the same as none (RFC 7240, 2). The first of a name counts. */
function readPreferences(header: string): Map<string, string> {
  const preferences = new Map<string, string>();
  for (const [element] of header.matchAll(ELEMENT)) {
    const [, name = '', quoted, plain = ''] = PREFERENCE.exec(element) ?? [];
    const value = quoted?.replace(/\\(.)/gs, '$1') ?? plain;
    const key = name.toLowerCase();
    if (key !== '' && !preferences.has(key)) preferences.set(key, value);
  }
  return preferences;
}
