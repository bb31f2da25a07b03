import { readFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import t from 'tap';
import { inspectImage } from '../../src/pictures/inspect.ts';
import { toGeoJson } from '../../src/segmentation/formats/geojson.ts';
import { LIMITS, sourceOf } from '../manipulation/fixtures.ts';
import { transform } from '../manipulation/run.ts';
import { segment } from '../segmentation/support.ts';
import { NO_BROWSER, openBrowser } from '../support/browser.ts';
import { needsTestData, testDataPath } from '../support/test-data.ts';
import { refusalOf, usersOfPictures } from './users.ts';

/** Files of kinds that people have reported; what is right is what the README of the test data says. */
const data = needsTestData('reported');
const at = (name: string) => testDataPath('reported', name);
const folder = t.testdir();
const users = usersOfPictures(path.join(folder, 'result'));

async function shown(name: string, page = 0): Promise<Buffer> {
  const { path: file } = await transform(folder, at(name), { input: { page }, output: { format: 'png' } });
  return sharp(file).toColourspace('srgb').ensureAlpha().raw().toBuffer();
}

async function meansOf(name: string): Promise<number[]> {
  const pixels = await shown(name);
  const sums = [0, 0, 0, 0];
  pixels.forEach((value, i) => {
    sums[i % 4] = (sums[i % 4] ?? 0) + value;
  });
  return sums.map((sum) => sum / (pixels.length / 4));
}

t.test('what is right is shown', data, async (t) => {
  // Means of red, green, blue and alpha of the undamaged pictures.
  for (const [name, means] of [
    ['jpeg_samsung_sos.jpg', [127.1, 127.1, 127.3, 255]],
    ['tif_ascii_nul.tif', [127, 127, 148.3, 255]],
    ['tif_lab.tif', [127.3, 127.1, 148.1, 255]],
    ['tif_lab_alpha.tif', [127.3, 127.1, 148.1, 255]],
    ['rgb16_p3.png', [118.3, 123.3, 143.7, 255]],
    ['f32_0to1.tif', [127.5, 127.5, 127.5, 255]],
    ['u32.tif', [127.5, 127.5, 127.5, 255]],
    ['tif_5band.tif', [127, 127, 148.3, 255]],
    ['tif_ycbcr_444.tif', [125.4, 126.6, 146.5, 255]],
    ['avif_anim.avif', [126.6, 127.5, 126.4, 255]],
  ] as const) {
    const found = await meansOf(name);
    t.ok(
      found.every((mean, i) => Math.abs(mean - (means[i] ?? 0)) <= 1),
      `${name}: ${found.map((mean) => mean.toFixed(1))}`,
    );
    for (const user of users) await t.resolves(user.read(sourceOf(at(name))), `${name}, ${user.name}`);
  }
});

t.test('what a browser shows', { skip: data.skip || NO_BROWSER }, async (t) => {
  const browser = await openBrowser(t);
  const tab = await browser.newPage();
  await tab.addScriptTag({ path: path.join(import.meta.dirname, 'matrix/decode-in-browser.js') });
  for (const name of [
    'grey16_gamma1.0.png',
    'png_gama1.png',
    'png_chrm_p3.png',
    'apng.png',
    'gif_first_small.gif',
  ]) {
    // The browser looks at the bytes; as a PNG, even a GIF gives its first page alone.
    const call = `decodeInBrowser('${readFileSync(at(name)).toString('base64')}', 'image/png')`;
    const [page] = (await tab.evaluate(call)) as { pixels: string }[];
    const theirs = Buffer.from(page?.pixels ?? '', 'base64');
    const ours = await shown(name);
    const apart = ours.reduce((sum, value, i) => sum + Math.abs(value - (theirs[i] ?? 0)), 0) / ours.length;
    t.ok(apart <= 1, `${name}: ${apart} levels apart`);
  }
});

t.test('pages of GIFs are transparent where nothing is drawn', data, async (t) => {
  const alpha = async (name: string, page: number) =>
    (await shown(name, page))
      .filter((_, i) => i % 4 === 3)
      .reduce((sum, value) => sum + Number(value === 0), 0);
  t.equal(await alpha('gif_first_small.gif', 0), 20 * 16 - 36);
  t.equal(await alpha('gif_disp2.gif', 0), 0);
  for (const page of [2, 3]) t.ok((await alpha('gif_disp2.gif', page)) > 0, `page ${page}`);
  for (const name of ['gif_first_small.gif', 'gif_disp2.gif']) {
    t.match(await inspectImage(sourceOf(at(name)), LIMITS), { has_alpha: true, channels: 4 }, name);
  }
});

t.test('what is refused is named', data, async (t) => {
  for (const [name, code, detail] of [
    ['jpeg_corrupt_accepted_1.jpg', 'undecodable_image', /premature end of data segment/],
    ['jpeg_progressive_3500_882scans.jpg', 'undecodable_image', /more than 100 scans/],
    ['png_41byte_slow_bigalloc.png', 'undecodable_image', /its data ends early or is damaged/],
  ] as const) {
    t.match(await refusalOf(inspectImage(sourceOf(at(name)), LIMITS)), { code, detail }, name);
  }
});

t.test('metadata says what is not shown', data, async (t) => {
  for (const [name, details] of [
    ['apng.png', { animation: 'not_read' }],
    ['avif_anim.avif', { animation: 'not_read' }],
    ['f32_0to1.tif', { sample_range: [0, 1] }],
    ['u32.tif', { sample_range: [0, 4_294_967_295] }],
  ] as const) {
    t.match(await inspectImage(sourceOf(at(name)), LIMITS), { details, density: null }, name);
  }
  t.notOk('animation' in (await inspectImage(sourceOf(at('png_gama1.png')), LIMITS)).details);
});

t.test('holes that touch at a corner are two rings', data, async (t) => {
  const params = { method: 'threshold', value: 127 } as const;
  const { labels, result } = await segment(at('geojson_diagonal_holes.png'), params);
  const [feature] = toGeoJson(labels, result).features;
  t.same(
    feature?.geometry.coordinates.map((rings) => rings.map((ring) => ring.length)),
    [[5, 5, 5]],
  );
});
