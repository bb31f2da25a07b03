import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import sharp from 'sharp';
import t, { type Test } from 'tap';
import { openPicture } from '../../../src/pictures/open.ts';
import { readPicture } from '../../../src/segmentation/read-picture.ts';
import { histogramOf } from '../../histogram/support.ts';
import { LIMITS, sourceOf } from '../../manipulation/fixtures.ts';
import { transform } from '../../manipulation/run.ts';
import { oracleSkip } from '../../segmentation/support.ts';
import { NO_BROWSER, openBrowser } from '../../support/browser.ts';
import { testDataPath } from '../../support/test-data.ts';
import { refusalOf, usersOfPictures } from '../users.ts';
import { drawnGifs, refusedPngs, statedPngs } from './pictures.ts';

const folder = t.testdir();
const users = usersOfPictures(path.join(folder, 'result'));

/** What an oracle shows: H×W×4. */
interface Shown {
  width: number;
  height: number;
  rgba: Uint8Array;
}

/** Difference per sample on average, as much as it is visible, and of alpha. A canvas keeps few levels of nearly transparent colours. */
function difference(ours: Uint8Array, theirs: Uint8Array): { color: number; alpha: number } {
  let [color, alpha, visible] = [0, 0, 0];
  for (let at = 0; at < ours.length; at += 4) {
    const opacities = [ours[at + 3] ?? 0, theirs[at + 3] ?? 0] as const;
    alpha += Math.abs(opacities[0] - opacities[1]);
    if (Math.max(...opacities) > 0) visible += 1;
    const opacity = Math.min(...opacities) / 255;
    for (let band = at; band < at + 3; band += 1) {
      color += opacity * Math.abs((ours[band] ?? 0) - (theirs[band] ?? 0));
    }
  }
  return { color: color / Math.max(1, 3 * visible), alpha: alpha / (ours.length / 4) };
}

/** Asserts that every route shows a page of a file as an oracle does. */
async function isShown(t: Test, file: string, page: number, oracle: Shown, tolerance: number): Promise<void> {
  const name = `${path.basename(file)}, page ${page}`;
  const source = sourceOf(file);
  for (const user of users)
    await t.resolves(user.read(source, user.pagePath === undefined ? {} : { page }), `${name}, ${user.name}`);
  const request = { input: { page }, output: { format: 'png', compression_level: 1 } };
  const converted = await transform(folder, file, request);
  t.same([converted.width, converted.height], [oracle.width, oracle.height], `${name}: size`);
  const shown = await sharp(converted.path).toColourspace('srgb').ensureAlpha().raw().toBuffer();
  const { color, alpha } = difference(shown, oracle.rgba);
  t.ok(color <= tolerance && alpha <= tolerance, `${name}: ${color} levels apart, alpha ${alpha}`);

  const { width } = oracle;
  const resized = await transform(folder, file, {
    ...request,
    operations: [{ op: 'resize', width, kernel: 'nearest' }],
  });
  const same = await sharp(resized.path).toColourspace('srgb').ensureAlpha().raw().toBuffer();
  t.ok(same.equals(shown), `${name}: resize to its own size`);

  const seen = await readPicture(source, page, LIMITS);
  const grey = seen.channels < 3;
  const hasAlpha = seen.channels % 2 === 0;
  const differs = Array.from({ length: shown.length / 4 }).some((_, i) => {
    const from = i * seen.channels;
    const pixel = grey ? [0, 0, 0] : [0, 1, 2];
    return (
      pixel.some((band, j) => seen.data[from + band] !== shown[4 * i + j]) ||
      (hasAlpha ? seen.data[from + seen.channels - 1] : 255) !== shown[4 * i + 3]
    );
  });
  t.notOk(differs, `${name}: segmentation`);

  // Histograms count the numbers in the file, which are those that are shown unless there is a profile.
  const { header } = await openPicture(source, { page, autoOrient: true, limits: LIMITS, pagePath: '/page' });
  const histogram = await histogramOf(file, { page });
  if (
    histogram.bit_depth !== 8 ||
    header.hasProfile ||
    header.correction?.kind === 'chunk' ||
    header.correction?.kind === 'profile'
  )
    return;
  const { channels } = await sharp(shown, { raw: { ...oracle, channels: 4 } }).stats();
  const counted = histogram.channels[grey ? 'grey' : 'red']?.mean ?? -1;
  if (!hasAlpha) t.ok(Math.abs(counted - (channels[0]?.mean ?? 0)) < 1, `${name}: histogram`);
}

const pillow = path.join(folder, 'pillow');
mkdirSync(pillow);
/** One JSON object a line for each picture. */
const written = oracleSkip
  ? ''
  : execFileSync(process.env.PYTHON ?? 'python3', [path.join(import.meta.dirname, 'pillow.py'), pillow], {
      encoding: 'utf8',
    });

t.test('what a browser shows', { skip: NO_BROWSER || oracleSkip }, async (t) => {
  const browser = await openBrowser(t);
  const tab = await browser.newPage();
  // Only a page of this machine may use ImageDecoder.
  const server = createServer((_, response) => response.end('<!doctype html>')).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  await tab.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  await tab.addScriptTag({ path: path.join(import.meta.dirname, 'decode-in-browser.js') });
  const avifs = path.join(pillow, 'code-points');
  const suite = testDataPath('pngsuite');
  // Of PngSuite, x… are damaged.
  const suitePngs = existsSync(suite) ? readdirSync(suite).filter((name) => /^[^x].*\.png$/.test(name)) : [];
  const files = [
    ...statedPngs(),
    ...drawnGifs(),
    ...suitePngs.map((name) => [name, readFileSync(path.join(suite, name))] as const),
    ...readdirSync(avifs).map((name) => [name, readFileSync(path.join(avifs, name))] as const),
  ];
  for (const [name, bytes] of files) {
    const file = path.join(folder, name);
    writeFileSync(file, bytes);
    const type = `image/${path.extname(name).slice(1)}`;
    const call = `decodeInBrowser('${bytes.toString('base64')}', '${type}')`;
    const pages: { width: number; height: number; pixels: string }[] = await tab.evaluate(call);
    t.ok(pages.length > 0, name);
    for (const [page, { width, height, pixels }] of pages.entries()) {
      // Decoders interpolate subsampled chroma in different ways, which wide primaries amplify.
      const tolerance = name.includes(' 20 ') ? 2.5 : 1;
      await isShown(t, file, page, { width, height, rgba: Buffer.from(pixels, 'base64') }, tolerance);
    }
  }
});

t.test('colours that have no meaning in sRGB are refused by their names', async (t) => {
  const avifs = path.join(pillow, 'refused');
  const found = existsSync(avifs) ? readdirSync(avifs) : [];
  const files = [
    ...refusedPngs(),
    ...found.map((name) => [name, readFileSync(path.join(avifs, name))] as const),
  ];
  for (const [name, bytes] of files) {
    const file = path.join(folder, name);
    writeFileSync(file, bytes);
    const [, reason] =
      [
        [', 16.', /a high dynamic range \(PQ\), which is not read/],
        [', 18.', /a high dynamic range \(HLG\)/],
        ['3, 13.', /colour primaries \(3 of ITU-T H.273\)/],
        [', 9.', /transfer characteristics \(9 of ITU-T H.273\)/],
      ].find(([part]) => name.includes(String(part))) ?? [];
    for (const user of users) {
      t.match(
        await refusalOf(user.read(sourceOf(file))),
        { code: 'undecodable_image', detail: reason },
        `${name}, ${user.name}`,
      );
    }
  }
});

t.test('an image sequence without a still picture is named', async (t) => {
  const box = (type: string, content: string) => {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(8 + content.length);
    head.write(type, 4, 'latin1');
    return Buffer.concat([head, Buffer.from(content, 'latin1')]);
  };
  const file = path.join(folder, 'sequence.avif');
  writeFileSync(file, Buffer.concat([box('ftyp', 'avis\0\0\0\0avis'), box('moov', '')]));
  for (const user of users) {
    const refusal = await refusalOf(user.read(sourceOf(file)));
    t.match(
      refusal,
      { code: 'unsupported_image_format', detail: /an AVIF image sequence without a still picture/ },
      user.name,
    );
  }
});

t.test('what Pillow shows', { skip: oracleSkip }, async (t) => {
  for (const line of written.trim().split('\n')) {
    const { name, width, height } = JSON.parse(line) as { name: string; width: number; height: number };
    const rgba = readFileSync(path.join(pillow, `${name}.rgba`));
    // Chroma is subsampled, or decoders differ in how they interpolate it.
    const tolerance = /\.(jpg|avif)$|jpeg/.test(name) ? 2 : 1;
    await isShown(t, path.join(pillow, name), 0, { width, height, rgba }, tolerance);
  }
});
