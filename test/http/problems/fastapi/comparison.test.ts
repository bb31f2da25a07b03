import { readFile, writeFile } from 'node:fs/promises';
import sharp from 'sharp';
import t from 'tap';
import { clip } from '../../../../src/core/faults.ts';
import { createTestApp } from '../../../support/app.ts';
import { needsPython } from '../../../support/python.ts';
import { type Answer, askFastApi, askService } from './answers.ts';
import { EXCEPTIONS } from './exceptions.ts';
import { WRONG_REQUESTS, type WrongRequest } from './requests.ts';

/** What both services answered, from which docs/validation.md is made. */
const RECORD = new URL('answers.json', import.meta.url);
/** Set to 1, it rewrites the record; `npm run docs` then rewrites the page. */
const isRecording = process.env.RECORD === '1';

const skip = needsPython('fastapi', 'httpx', 'python_multipart');

/** Maximum characters of a body in the record. */
const MAX_BODY = 120;

/** A request as the record has it. */
function described({ what, method, url, headers, body }: WrongRequest) {
  const isJson = headers['content-type']?.startsWith('application/json');
  return { what, request: `${method} ${url}`, body: isJson ? clip(body.toString(), MAX_BODY) : '' };
}

/** The places of FastAPI's faults for which this service lists no fault at the same or a more precise place. */
function unlisted(theirs: Answer, ours: Answer): string[] {
  const isListed = (place: string) =>
    ours.faults.some((fault) => fault.place === place || fault.place.startsWith(`${place}/`));
  return theirs.faults.map(({ place }) => place).filter((place) => !isListed(place));
}

async function askServiceAll(t: Parameters<typeof createTestApp>[0]): Promise<Answer[]> {
  const service = await createTestApp(t);
  const bytes = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'teal' } })
    .png()
    .toBuffer();
  const [{ image }] = (await service.upload({ bytes })).json().results;
  const answers: Answer[] = [];
  for (const request of WRONG_REQUESTS) answers.push(await askService(service, request, image.id));
  return answers;
}

t.test('every fault that FastAPI lists is listed, at a place at least as precise', { skip }, async (t) => {
  const { versions, answers: theirs } = askFastApi();
  const ours = await askServiceAll(t);
  const answers = WRONG_REQUESTS.map((request, i) => {
    const [fastapi, coreframe] = [theirs[i] as Answer, ours[i] as Answer];
    const { what } = request;
    // FastAPI fails with 500 at NaN in JSON, which it cannot write into its answer.
    t.ok(fastapi.status >= 400, `FastAPI refuses ${what}`);
    t.ok(coreframe.status >= 400 && coreframe.status < 500, `this service refuses ${what}`);
    const missing = unlisted(fastapi, coreframe);
    const difference = EXCEPTIONS[what];
    if (difference === undefined) t.strictSame(missing, [], what, { coreframe });
    else t.not(missing.length, 0, `${what} is still an exception`);
    return { ...described(request), fastapi, coreframe, ...(difference === undefined ? {} : { difference }) };
  });
  const names = new Set(WRONG_REQUESTS.map(({ what }) => what));
  t.equal(names.size, WRONG_REQUESTS.length, 'every request has a name of its own');
  t.strictSame(
    Object.keys(EXCEPTIONS).filter((what) => !names.has(what)),
    [],
  );
  const record = { versions, answers };
  if (isRecording) await writeFile(RECORD, `${JSON.stringify(record, null, 2)}\n`);
  t.strictSame(JSON.parse(await readFile(RECORD, 'utf8')), record, 'else run the test with RECORD=1');
});

t.test('this service answers as recorded', async (t) => {
  const { answers } = JSON.parse(await readFile(RECORD, 'utf8'));
  t.strictSame(
    await askServiceAll(t),
    answers.map(({ coreframe }: { coreframe: Answer }) => coreframe),
  );
});
