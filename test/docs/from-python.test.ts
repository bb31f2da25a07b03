import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import t, { type Test } from 'tap';
import { eventually, spawnServer, startServer } from '../safety/processes.ts';
import { createTestApp, multipartBody } from '../support/app.ts';
import { createEmptyDatabase } from '../support/database.ts';
import { makeReachableFolder } from '../support/folders.ts';
import { needsPython, PYTHON } from '../support/python.ts';
import { type Block, blocksOf, runBash, withAddresses } from './blocks.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const EXAMPLES = path.join(ROOT, 'examples');
const SERVICES = path.join(import.meta.dirname, 'from-python');
/** Imported by the services and by the page's programs. */
const MODULES =
  'cv2 fastapi flask flask_sqlalchemy numpy pandas PIL psycopg python_multipart requests sqlalchemy uvicorn';
const skip = needsPython(...MODULES.split(' '));

const run = promisify(execFile);
const page = await readFile(path.join(ROOT, 'docs/from-python.md'), 'utf8');
const blocks = blocksOf(page);
const isBefore = ({ lead }: Block) => lead.startsWith('Before');
const codeOf = (language: string, filter: (block: Block) => boolean) =>
  blocks
    .filter((block) => block.language === language && filter(block))
    .map(({ code }) => code)
    .join('\n');

t.test('each request has both sides in both languages, and none is ignored if it fails', async (t) => {
  for (const language of ['bash', 'python']) {
    const before = blocks.filter((block) => block.language === language && isBefore(block));
    const now = blocks.filter((block) => block.language === language && block.lead === 'Now:');
    t.strictSame([before.length, now.length], [8, 8], language);
  }
  const commands = codeOf('bash', () => true);
  t.equal(commands.match(/curl -fsS/g)?.length, commands.match(/curl/g)?.length);
});

/** Starts a Python service and gives its address once it listens. */
async function startPython(t: Test, parameters: string[], settings: Record<string, string>): Promise<string> {
  const { output, ended } = spawnServer(t, settings, [PYTHON, ...parameters]);
  const address = () => /http:\/\/(127\.0\.0\.1:\d+)/.exec(output())?.[1];
  await Promise.race([eventually(() => address() !== undefined, 60_000), ended]);
  const started = address();
  if (started === undefined) throw new Error(`${parameters.join(' ')} has not started: ${output()}`);
  return started;
}

/** A folder with the files that the page's blocks use. */
async function makeFolder(parent: string, name: string): Promise<string> {
  const folder = path.join(parent, name);
  await mkdir(folder);
  for (const file of ['image-log.csv', 'photo.jpg', 'scan.png']) {
    await symlink(path.join(EXAMPLES, file), path.join(folder, file));
  }
  return folder;
}

const readerOf = (folder: string) => (name: string) => readFile(path.join(folder, name));

/** Runs Python blocks as one program, and then writes the variables of `dumped` to `variables.json`. */
async function runPython(code: string, cwd: string, dumped: string, env = {}): Promise<string> {
  const dump = `import base64 as _b, json as _j
_j.dump({name: globals()[name] for name in "${dumped}".split()}, open("variables.json", "w"),
  default=lambda data: _b.b64encode(data).decode())`;
  await writeFile(path.join(cwd, 'program.py'), `${code}\n${dump}\n`);
  const { stdout } = await run(PYTHON, ['program.py'], { cwd, env: { ...process.env, ...env } });
  return stdout;
}

const pixelsOf = async (picture: Buffer) =>
  sharp(picture).toColorspace('srgb').removeAlpha().raw().toBuffer();
const sizeOf = async (picture: Buffer) => {
  const { width, height } = await sharp(picture).metadata();
  return [width, height];
};
const greyOf = async (picture: Buffer) => [...(await sharp(picture).toColorspace('b-w').raw().toBuffer())];
const parseLog = (csv: string) =>
  csv
    .trim()
    .split(/\r?\n/)
    .slice(1)
    .map((line) => line.split(',').map(Number));
const decode = (text: string) => Buffer.from(text, 'base64');

/** The largest and the mean difference of two pictures' levels. */
async function difference(one: Buffer, other: Buffer): Promise<{ largest: number; mean: number }> {
  const [a, b] = [await pixelsOf(one), await pixelsOf(other)];
  if (a.length !== b.length) throw new Error(`${a.length} and ${b.length} levels`);
  const differences = a.map((level, index) => Math.abs(level - (b[index] ?? 0)));
  return {
    largest: differences.reduce((x, y) => Math.max(x, y), 0),
    mean: differences.reduce((x, y) => x + y, 0) / a.length,
  };
}

t.test(
  'the requests to the Python services and those that replace them have the same results',
  { skip },
  async (t) => {
    const parent = t.testdir();
    const old = await createEmptyDatabase(t);
    const oldDatabase = old.url.replace('postgresql://', 'postgresql+psycopg://');
    const oldFolders = {
      TEMP_IMAGE_DIR: path.join(parent, 'images'),
      TEMP_JSON_DIR: path.join(parent, 'jsons'),
    };
    const uvicorn = ['-m', 'uvicorn', '--app-dir', SERVICES, '--port', '0', 'image_service:app'];
    const [logs, images] = await Promise.all([
      startPython(t, [path.join(SERVICES, 'log_service.py'), '0'], { DATABASE_URL: oldDatabase }),
      startPython(t, uvicorn, oldFolders),
    ]);
    const oldAddresses = { 'localhost:8002': logs, '127.0.0.1:8000': images };

    const settings = Object.fromEntries(
      [...codeOf('ini', () => true).matchAll(/^(\w+)=(.*)$/gm)].map(([, name = '', value = '']) => [
        name,
        value,
      ]),
    );
    const { url } = await createEmptyDatabase(t);
    const { port } = await startServer(t, {
      ...settings,
      DATABASE_URL: url.replace('postgresql://', String(/^.*:\/\//.exec(settings.DATABASE_URL ?? '')?.[0])),
      DATA_DIR: await makeReachableFolder(t),
    });
    const addresses = { '127.0.0.1:8000': `127.0.0.1:${port}` };

    const [beforeFolder, nowFolder] = [await makeFolder(parent, 'before'), await makeFolder(parent, 'now')];
    const [preamble = ''] = blocks.filter(({ language }) => language === 'python').map(({ code }) => code);
    const oldProgram = withAddresses(`${preamble}\n${codeOf('python', isBefore)}`, oldAddresses);
    const readBefore = readerOf(beforeFolder);
    const beforeOutput = await runPython(oldProgram, beforeFolder, 'pictures counts');
    t.equal(beforeOutput, 'CSV data uploaded successfully\n');
    const oldVariables = JSON.parse((await readBefore('variables.json')).toString());

    await cp(oldFolders.TEMP_IMAGE_DIR, path.join(nowFolder, 'temp_images'), { recursive: true });
    await writeFile(path.join(nowFolder, 'temp_images/notes.txt'), 'not a picture');
    const program = withAddresses(
      codeOf('python', (block) => !isBefore(block)),
      addresses,
    );
    const readNow = readerOf(nowFolder);
    const output = await runPython(program, nowFolder, 'pictures originals counts', {
      OLD_DATABASE_URL: oldDatabase,
    });
    const lines = output.trim().split('\n');
    const rows = parseLog(await readFile(path.join(EXAMPLES, 'image-log.csv'), 'utf8'));
    const variables = JSON.parse((await readNow('variables.json')).toString());

    const samePictures = async (t: Test) => {
      const [resized, oldResized] = [await readNow('resized.jpg'), await readBefore('resized.jpg')];
      for (const picture of [resized, oldResized]) {
        t.match(await sharp(picture).metadata(), { format: 'jpeg', width: 800, height: 533 });
      }
      const { mean } = await difference(resized, oldResized);
      t.ok(
        mean < 2,
        `the resized photos differ by ${mean} levels: both are JPEG files, of different encoders`,
      );
      for (const name of ['cropped.png', 'converted.png', 'mask.png']) {
        const [now, before] = [await readNow(name), await readBefore(name)];
        t.strictSame(await sizeOf(now), await sizeOf(before), name);
        t.strictSame(await difference(now, before), { largest: 0, mean: 0 }, `${name}: equal pixels`);
      }
    };
    const sameFrames = async (t: Test, now: string[], before: string[]) => {
      t.strictSame([now.length, before.length], [10, 10], 'both bounds are included');
      for (const [index, frame] of now.entries()) {
        const [one, other] = [decode(frame), decode(before[index] ?? '')];
        t.strictSame(await sizeOf(one), [150, 1]);
        t.strictSame(await pixelsOf(one), await pixelsOf(other), `frame ${index}: equal colours`);
      }
    };

    await t.test('with Python', async (t) => {
      t.match(lines.slice(0, 4), [
        'Stored 300 frames.',
        '300 frames in 3 pages',
        'existing',
        '422 validation_failed',
      ]);
      t.match(lines[4], /^query \/widht .*did you mean width\?/);
      t.match(lines[5], /^query \/format Expected one of jpeg, png, .* received "bmp"/);
      t.match(lines.slice(6), [/^notes\.txt The file is text/, '2 of 3 images are stored']);
      await samePictures(t);
      await sameFrames(t, variables.pictures, oldVariables.pictures);
      t.strictSame(variables.counts, oldVariables.counts, 'equal counts in each of 256 bins');
      const originals = await Promise.all(variables.originals.map((frame: string) => greyOf(decode(frame))));
      t.strictSame(
        originals,
        rows.slice(0, 10).map(([, ...levels]) => levels),
        'image_data is source=original',
      );
    });

    await t.test('with curl', async (t) => {
      const json = async (bytes: Promise<Buffer>) => JSON.parse((await bytes).toString());
      for (const name of ['resized.jpg', 'cropped.png', 'converted.png', 'mask.png'])
        await rm(path.join(nowFolder, name));
      await runBash(codeOf('bash', isBefore), beforeFolder, oldAddresses);
      const output = await runBash(
        codeOf('bash', (block) => !isBefore(block)),
        nowFolder,
        addresses,
      );
      t.equal(output.match(/"message":"/g)?.length, 2, 'two uploads of logs');
      t.match(output, /"results":\[\{"status":"existing","filename":"photo\.jpg"/);
      await samePictures(t);
      const imagesOf = (frames: { image: string }[]) => frames.map(({ image }) => image);
      const twice: string[] = await json(readBefore('frames.json'));
      t.equal(twice.length, 20, 'the old service has stored the log again');
      await sameFrames(t, imagesOf(await json(readNow('colored.json'))), [...new Set(twice)]);
      t.strictSame(await json(readNow('strings.json')), imagesOf(await json(readNow('frames.json'))));
      const { channels } = await json(readNow('histogram.json'));
      const counts = Object.entries<{ counts: number[] }>(channels).map(([name, { counts }]) => [
        name,
        counts,
      ]);
      t.strictSame(Object.fromEntries(counts), await json(readBefore('histogram.json')));
      t.strictSame(parseLog((await readNow('originals.csv')).toString()), rows);
      t.strictSame(
        parseLog((await readNow('old-log.csv')).toString()),
        rows,
        'the table is moved completely',
      );
    });
  },
);

t.test('each kernel gives the pixels of the filter beside it', { skip }, async (t) => {
  const table = [...page.matchAll(/^\| (OpenCV|Pillow)'s `(\w+)`.* \| `(\w+)` \|$/gm)];
  t.strictSame(
    table.map(([, , , kernel]) => kernel),
    ['area', 'linear', 'cubic', 'lanczos3'],
  );
  const { app } = await createTestApp(t);
  const { body, headers } = multipartBody([
    { bytes: await readFile(path.join(EXAMPLES, 'image-log.csv')), filename: 'log.csv', field: 'file' },
  ]);
  for (const [, library = '', filter = '', kernel = ''] of table) {
    const url = `/upload?kernel=${kernel}`;
    const uploaded = await app.inject({ method: 'POST', url, payload: body, headers });
    const exported = await app.inject(`/frames/export?frame_set_id=${uploaded.json().id}`);
    const resized = parseLog(exported.body).map(([, ...levels]) => levels);
    const program = [path.join(SERVICES, 'resize.py'), library, filter, path.join(EXAMPLES, 'image-log.csv')];
    const { stdout } = await run(PYTHON, program, { maxBuffer: 64 * 1024 * 1024 });
    const expected: number[][] = JSON.parse(stdout);
    t.strictSame([expected.length, expected[0]?.length], [resized.length, resized[0]?.length]);
    const differences = resized.flatMap((row, y) =>
      row.map((level, x) => Math.abs(level - (expected[y]?.[x] ?? 255))),
    );
    t.ok(Math.max(...differences) <= 1, `${kernel} and ${filter} differ by ${Math.max(...differences)}`);
  }
});
