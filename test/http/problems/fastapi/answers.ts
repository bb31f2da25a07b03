import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { clip } from '../../../../src/core/faults.ts';
import type { LocatedFault } from '../../../../src/http/problems/fault-location.ts';
import type { TestApp } from '../../../support/app.ts';
import { PYTHON } from '../../../support/python.ts';
import { WRONG_REQUESTS, type WrongRequest } from './requests.ts';

/** One answer to a wrong request, as it is recorded. */
export interface Answer {
  status: number;
  /** What is wrong, by its place: `body/operations/0/width`. */
  faults: { place: string; message: string }[];
  /** The answer in words, if it lists no faults. */
  detail?: string;
}

export interface FastApiAnswers {
  versions: Record<string, string>;
  answers: Answer[];
}

const ASK = fileURLToPath(new URL('ask.py', import.meta.url));
const ANY_ID = '5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11';
const MAX_MESSAGE = 160;

/** Tags of unions, which FastAPI puts into locations although no value is there. */
const TAGS = new Set(['resize', 'crop', 'rotate', 'sharpen', 'otsu', 'kmeans', 'grabcut']);

/** What FastAPI answers to each of the wrong requests. */
export function askFastApi(): FastApiAnswers {
  const input = WRONG_REQUESTS.map(({ body, url, ...rest }) => ({
    ...rest,
    url: url.replace('{id}', ANY_ID),
    body: body.toString('base64'),
  }));
  const { status, stdout, stderr } = spawnSync(PYTHON, ['-B', '-W', 'ignore', ASK], {
    input: JSON.stringify(input),
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  const { versions, answers } = JSON.parse(stdout);
  return { versions, answers: answers.map(fromFastApi) };
}

interface RawFault {
  loc: (string | number)[];
  msg: string;
  type: string;
  ctx?: { error?: string };
}

interface RawAnswer {
  status: number;
  body: string | { detail: string | RawFault[] };
}

function fromFastApi({ status, body }: RawAnswer): Answer {
  const detail = typeof body === 'string' ? body : body.detail;
  if (typeof detail === 'string') return { status, faults: [], detail };
  return { status, faults: detail.map(faultOf) };
}

function faultOf({ loc, msg, type, ctx }: RawFault): Answer['faults'][number] {
  // Its location is the offset in the text instead of a key.
  if (type === 'json_invalid') return { place: 'body', message: `${msg}: ${ctx?.error} at ${loc.at(-1)}` };
  const [part, ...path] = loc;
  const keys = path.filter((key) => !TAGS.has(String(key)));
  return { place: [part, ...keys].join('/'), message: shorten(msg) };
}

/** What this service answers to a wrong request about a stored image. */
export async function askService(
  { app }: TestApp,
  { method, url, headers, body }: WrongRequest,
  imageId: string,
): Promise<Answer> {
  const response = await app.inject({ method, url: url.replace('{id}', imageId), headers, payload: body });
  const { detail = '', errors = [] }: { detail?: string; errors?: LocatedFault[] } = response.json();
  const faults = errors.map(({ location, path, message }) => ({
    place: `${location}${path}`,
    message: shorten(message),
  }));
  return { status: response.statusCode, faults, ...(faults.length > 0 ? {} : { detail: shorten(detail) }) };
}

const shorten = (text: string) => clip(text, MAX_MESSAGE);
