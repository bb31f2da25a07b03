import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { openApiFile } from '../../../scripts/docs/openapi.ts';
import { createTestApp } from '../../support/app.ts';

// biome-ignore lint/suspicious/noExplicitAny: documents are changed on purpose
type Loose = any;

const ROOT = path.resolve(import.meta.dirname, '../../..');
const COMMITTED = path.join(ROOT, 'openapi.json');

/** https://github.com/oasdiff/oasdiff */
const OASDIFF = [path.join(ROOT, '.tools/bin'), ...(process.env.PATH ?? '').split(path.delimiter)]
  .map((folder) => path.join(folder, 'oasdiff'))
  .find(existsSync);
const NO_OASDIFF =
  OASDIFF === undefined && !process.env.CI
    ? 'needs oasdiff (GOBIN=$PWD/.tools/bin go install github.com/oasdiff/oasdiff@v1.37.0)'
    : false;

interface Changes {
  /** What clients of the old document may not survive. */
  breaking: string[];
  additions: string[];
}

/** The changes from one document to another, as oasdiff tells them apart. */
async function changesBetween(t: Test, before: string, after: string): Promise<Changes> {
  const folder = t.testdir({ 'before.json': before, 'after.json': after });
  const command = ['changelog', 'before.json', 'after.json', '--format', 'json'];
  const { stdout } = await promisify(execFile)(OASDIFF ?? 'oasdiff', command, {
    cwd: folder,
    maxBuffer: 64 * 1024 * 1024,
  });
  // 3 is an error and 2 a warning: a change that breaks clients, or that may.
  const changes = JSON.parse(stdout || '[]') as {
    text: string;
    level: number;
    operation?: string;
    path?: string;
  }[];
  const describe = ({ operation = '', path = '', text }: (typeof changes)[number]) =>
    `${operation} ${path}: ${text}`.trim();
  return {
    breaking: changes.filter(({ level }) => level > 1).map(describe),
    additions: changes.filter(({ level }) => level <= 1).map(describe),
  };
}

t.test('openapi.json is the document that the server serves', async (t) => {
  const served = await createTestApp(t);
  const document = openApiFile((await served.send('GET', '/openapi.json')).json());
  const committed = await readFile(COMMITTED, 'utf8');
  if (document !== committed && OASDIFF !== undefined) {
    const { breaking, additions } = await changesBetween(t, committed, document);
    t.comment(`Breaking changes:\n${breaking.join('\n') || 'none'}`);
    t.comment(`Additions:\n${additions.join('\n') || 'none'}`);
  }
  // Not the texts themselves, whose difference would fill the screen.
  t.ok(document === committed, 'else run npm run docs, and describe what changed in CHANGELOG.md');
});

t.test('a change that breaks clients is told from an addition', { skip: NO_OASDIFF }, async (t) => {
  const committed = await readFile(COMMITTED, 'utf8');
  const changed = (change: (document: Loose) => void): Promise<Changes> => {
    const document = JSON.parse(committed);
    change(document);
    return changesBetween(t, committed, JSON.stringify(document));
  };
  t.strictSame(await changed(() => undefined), { breaking: [], additions: [] }, 'no change');

  const added = await changed(({ paths }) => {
    paths['/images'].get.parameters.push({ name: 'shape', in: 'query', schema: { type: 'string' } });
  });
  t.strictSame(added.breaking, [], 'an optional parameter breaks nobody');
  t.equal(added.additions.length, 1);

  for (const [what, change] of [
    ['a path that is gone', ({ paths }: Loose) => delete paths['/colormaps']],
    [
      'a parameter that must be given',
      ({ paths }: Loose) =>
        paths['/images'].get.parameters.push({
          name: 'shape',
          in: 'query',
          required: true,
          schema: { type: 'string' },
        }),
    ],
    [
      'a choice that is not accepted any more',
      ({ components }: Loose) => components.schemas.ResizeRequest.properties.fit.enum.pop(),
    ],
    [
      'a field of an answer that is gone',
      ({ components }: Loose) => {
        delete components.schemas.Image.properties.width;
        components.schemas.Image.required = components.schemas.Image.required.filter(
          (name: string) => name !== 'width',
        );
      },
    ],
  ] as const) {
    const { breaking } = await changed(change);
    t.ok(breaking.length > 0, `${what}: ${breaking[0]}`);
  }
});
