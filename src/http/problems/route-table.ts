import { foldName, nearestName } from '../../core/near-names.ts';
import { suggestChoice } from '../../core/suggestion.ts';
import { PATH_GUESSES } from './path-guesses.ts';

interface Route {
  methods: readonly string[];
  /** The parts between slashes; parameters begin with a colon. */
  segments: readonly string[];
}

/** Examples of the steps of a pipeline by their names, as JSON. Many people expect a path for each. */
export type StepExamples = Readonly<Record<string, object>>;

/** First parts of paths that other services have. */
const PREFIX = /^(?:api|rest|v\d+)$/i;
/** Maximum characters of a path for which something is suggested. */
const MAX_LENGTH = 300;

const isParameter = (segment: string) => segment.startsWith(':');

/** All routes by their paths, to tell wrong methods from unknown paths, and to suggest what was meant. */
export class RouteTable {
  readonly #routes: Route[] = [];
  readonly #steps: StepExamples;

  constructor(steps: StepExamples = {}) {
    this.#steps = steps;
  }

  add(url: string, methods: readonly string[]): void {
    this.#routes.push({ methods, segments: url.split('/') });
  }

  /** The methods that a path supports; none if it does not exist. */
  methodsOf(path: string): string[] {
    const segments = path.split('/');
    return [
      ...new Set(this.#routes.filter((route) => matches(route, segments)).flatMap(({ methods }) => methods)),
    ];
  }

  /** The request that probably was meant by one that cannot be answered: `GET /images/5c5c…/content`. */
  suggest(method: string, path: string): string | undefined {
    if (path.length > MAX_LENGTH) return undefined;
    const parts = path.split('/').filter((part) => part !== '');
    const start = parts.findIndex((part) => !PREFIX.test(part));
    const inner = start === -1 ? parts : parts.slice(start);
    return (
      this.#existing(method, path, inner) ??
      this.#guessed(method, parts) ??
      this.#guessed(method, inner) ??
      this.#step(inner) ??
      this.#nearest(method, path, inner)
    );
  }

  /** The same path without a prefix, and with single slashes. */
  #existing(method: string, path: string, parts: readonly string[]): string | undefined {
    const plain = `/${parts.join('/')}`;
    return plain === path ? undefined : this.#request(method, plain);
  }

  #guessed(method: string, parts: readonly string[]): string | undefined {
    for (const [guess, meant] of PATH_GUESSES) {
      const values = matchGuess(guess, method, parts);
      if (values === undefined) continue;
      const request = meant.replaceAll(/:(\w+)/g, (_, name: string) => values.get(name) ?? '');
      const [verb = '', url = ''] = request.split(' ');
      const [target = ''] = url.split('?');
      if (this.methodsOf(target).includes(verb)) return request;
    }
    return undefined;
  }

  /** A step of a pipeline as if it had a path of its own: `/images/:id/rotate`. */
  #step(parts: readonly string[]): string | undefined {
    const [resource = '', id = '', word = '', ...rest] = parts;
    const step = rest.length === 0 ? suggestChoice(word, Object.keys(this.#steps)) : undefined;
    if (step === undefined) return undefined;
    const own = this.#request('POST', `/${resource}/${id}/${step}`);
    if (own !== undefined) return own;
    const transform = `/${resource}/${id}/transform`;
    if (!this.methodsOf(transform).includes('POST')) return undefined;
    return `POST ${transform} with ${JSON.stringify({ operations: [{ op: step, ...this.#steps[step] }] })}`;
  }

  /** The route whose fixed parts are spelled similarly; of several, one with the most fixed parts. */
  #nearest(method: string, path: string, parts: readonly string[]): string | undefined {
    const own = this.#routes
      .filter((route) => matches(route, path.split('/')))
      .map(({ segments }) => fixedParts(segments));
    const near = this.#routes
      .map(({ segments }) => segments.slice(1))
      .filter((segments) => segments.length === parts.length)
      .filter((segments) => segments.every((segment, i) => isNear(segment, parts[i] ?? '')))
      // A path that exists is spelled right, unless a misspelt part of it was taken for a parameter.
      .filter((segments) => own.every((count) => fixedParts(segments) > count))
      .sort((a, b) => fixedParts(b) - fixedParts(a));
    const [segments] = near;
    if (segments === undefined) return undefined;
    return this.#request(
      method,
      `/${segments.map((segment, i) => (isParameter(segment) ? parts[i] : segment)).join('/')}`,
    );
  }

  #request(method: string, path: string): string | undefined {
    const given = path.split('/');
    // Of `/jobs//items`, the id is missing: `items` is not an id.
    const isId = (part = '') => !this.#routes.some(({ segments }) => segments.includes(part));
    const hasIds = ({ segments }: Route) =>
      segments.every((segment, i) => !isParameter(segment) || isId(given[i]));
    if (!this.#routes.some((route) => matches(route, given) && hasIds(route))) return undefined;
    const methods = this.methodsOf(path);
    const [first] = methods;
    return first === undefined ? undefined : `${methods.includes(method) ? method : first} ${path}`;
  }
}

function matches({ segments }: Route, given: readonly string[]): boolean {
  if (segments.length !== given.length) return false;
  return segments.every((segment, i) => segment === given[i] || (isParameter(segment) && given[i] !== ''));
}

/** The number of parts that are not parameters. */
function fixedParts(segments: readonly string[]): number {
  return segments.filter((segment) => segment !== '' && !isParameter(segment)).length;
}

function isNear(segment: string, given: string): boolean {
  return isParameter(segment) || nearestName(given, [segment]) !== undefined;
}

/** The values of a guess's parameters, if the guess fits the request. */
function matchGuess(
  guess: string,
  method: string,
  parts: readonly string[],
): ReadonlyMap<string, string> | undefined {
  const [verb = '', ...segments] = guess.split('/');
  if (verb !== '' && verb.trim() !== method) return undefined;
  const isOpen = segments.at(-1) === '*';
  if (isOpen ? parts.length < segments.length : parts.length !== segments.length) return undefined;
  const values = new Map<string, string>();
  for (const [i, segment] of segments.entries()) {
    const part = parts[i] ?? '';
    if (segment === '*') break;
    if (isParameter(segment)) values.set(segment.slice(1), part);
    else if (!segment.split('|').includes(foldName(part))) return undefined;
  }
  return values;
}
