import { existsSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import t from 'tap';
import { type PlotOptions, renderHistogramSvg } from '../../../src/histogram/plot/plot.ts';
import { renderPlotPng } from '../../../src/histogram/plot/png.ts';
import { PLOT_SCALES, PLOT_THEMES } from '../../../src/histogram/plot/schemas.ts';
import { textNode } from '../../../src/histogram/plot/svg.ts';
import type { Channel, HistogramResult } from '../../../src/histogram/schemas.ts';
import { NO_TEST_DATA, testDataPath } from '../../support/test-data.ts';
import { histogramOf, temporaryFolder } from '../support.ts';

const { folder, remove } = temporaryFolder();
t.teardown(remove);
const at = (name: string) => path.join(folder, name);

interface Drawn {
  width: number;
  height: number;
  /** [red, green, blue] of the pixel. */
  pixel(x: number, y: number): [number, number, number];
}

async function draw(svg: string): Promise<Drawn> {
  const { data, info } = await sharp(await renderPlotPng(svg))
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const sample = (x: number, y: number, band: number) => data[(y * info.width + x) * 3 + band] ?? Number.NaN;
  return {
    width: info.width,
    height: info.height,
    pixel: (x, y) => [sample(x, y, 0), sample(x, y, 1), sample(x, y, 2)],
  };
}

const SIZE: PlotOptions = { width: 640, height: 320, theme: 'light', scale: 'linear' };
/** The place of the curves in a plot with text. */
const BOX = { left: 58, top: 72, right: 640 - 24, bottom: 320 - 34 };

/** A picture with 40 columns of level 50, 30 of 120 and 10 of 200, in red; green is all 120, blue all 0. */
async function stripes(): Promise<HistogramResult> {
  const row = [...Array(40).fill(50), ...Array(30).fill(120), ...Array(10).fill(200)];
  const samples = Uint8Array.from(
    Array.from({ length: 10 }, () => row.flatMap((level) => [level, 120, 0])).flat(),
  );
  await sharp(samples, { raw: { width: 80, height: 10, channels: 3 } })
    .png()
    .toFile(at('stripes.png'));
  return histogramOf(at('stripes.png'), { bins: 16 });
}
const result = await stripes();

/** The same with these channels alone. */
const only = (...channels: Channel[]): HistogramResult => ({
  ...result,
  channels: Object.fromEntries(channels.map((channel) => [channel, result.channels[channel]])),
});

/** Whether tags are balanced and attributes quoted, as XML wants it; returns the elements' names. */
function parseTags(svg: string): string[] {
  const open: string[] = [];
  const names: string[] = [];
  const text = svg.replace(
    /<(\/?)([a-zA-Z]+)((?:\s[\w:-]+="[^"<&]*(?:&(?:amp|lt|gt|quot);[^"<&]*)*")*)(\/?)>/g,
    (_, end, name, __, empty) => {
      if (end === '/') {
        if (open.pop() !== name) throw new Error(`</${name}> closes something else`);
      } else {
        names.push(name);
        if (empty === '') open.push(name);
      }
      return '';
    },
  );
  if (open.length > 0) throw new Error(`<${open.join('>, <')}> not closed`);
  if (/[<>]|&(?!(amp|lt|gt|quot);)/.test(text)) throw new Error(`Not XML: ${text}`);
  return names;
}

t.test('the SVG is well-formed and of the size asked, in every theme and scale', async (t) => {
  for (const theme of PLOT_THEMES) {
    for (const scale of PLOT_SCALES) {
      const svg = renderHistogramSvg(result, { ...SIZE, theme, scale });
      t.doesNotThrow(() => parseTags(svg));
      t.match(svg, /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" width="640" height="320"/);
      t.notMatch(svg, /NaN|undefined|Infinity/);
      t.equal(svg.match(/data-channel=/g)?.length, 3);
      const { width, height } = await sharp(await renderPlotPng(svg)).metadata();
      t.same([width, height], [640, 320]);
    }
  }
});

t.test('the highest bin reaches the top, and others stand in proportion', async (t) => {
  const { pixel } = await draw(renderHistogramSvg(only('red'), SIZE));
  const x = (level: number) => Math.round(BOX.left + ((level + 0.5) / 256) * (BOX.right - BOX.left));
  const isRed = ([r, g, b]: [number, number, number]) => r > 180 && r - g > 60 && r - b > 60;
  const heightAt = (level: number) => {
    let y = 0;
    while (y < BOX.bottom && !isRed(pixel(x(level), y))) y += 1;
    return BOX.bottom - y;
  };
  const full = BOX.bottom - BOX.top;
  // Levels 48–63, 112–127 and 192–207 are the bins of 50, 120 and 200.
  t.ok(Math.abs(heightAt(55) - full) <= 1, `400 pixels: ${heightAt(55)} of ${full}`);
  t.ok(Math.abs(heightAt(119) - 0.75 * full) <= 1, `300 pixels: ${heightAt(119)}`);
  t.ok(Math.abs(heightAt(199) - 0.25 * full) <= 1, `100 pixels: ${heightAt(199)}`);
  t.equal(heightAt(90) <= 1, true, 'an empty bin has no height');
});

t.test('a log scale lifts what is rare', async (t) => {
  const heights = async (scale: PlotOptions['scale']) => {
    const svg = renderHistogramSvg(only('red'), { ...SIZE, scale });
    const [, top = ''] = svg.match(/data-channel="red" d="([^"]*)"/) ?? [];
    const ys = [...top.matchAll(/,([\d.]+)/g)].map(([, y]) => Number(y)).filter((y) => y < BOX.bottom - 1);
    return (BOX.bottom - Math.max(...ys)) / (BOX.bottom - Math.min(...ys));
  };
  t.ok(Math.abs((await heights('linear')) - 0.25) < 0.01);
  // log(101) / log(401)
  t.ok(Math.abs((await heights('log')) - Math.log(101) / Math.log(401)) < 0.01);
});

t.test(
  'overlapping channels blend: red and green to yellow on dark, darker than each on light',
  async (t) => {
    const x = Math.round(BOX.left + (119.5 / 256) * (BOX.right - BOX.left));
    const overlap = BOX.bottom - 10;
    const above = BOX.top + 10;
    const dark = await draw(renderHistogramSvg(only('red', 'green'), { ...SIZE, theme: 'dark' }));
    const [r, g, b] = dark.pixel(x, overlap);
    t.ok(r > b + 40 && g > b + 40, `yellow on dark: ${[r, g, b]}`);
    const [, greenOnly] = dark.pixel(x, above);
    t.ok(greenOnly > dark.pixel(x, above)[0] + 40, 'above the red bin there is green alone');
    const light = await draw(renderHistogramSvg(only('red', 'green'), SIZE));
    const sum = (color: number[]) => color.reduce((total, value) => total + value, 0);
    t.ok(sum(light.pixel(x, overlap)) < sum(light.pixel(x, above)), 'ink on ink is darker');
  },
);

t.test('themes set the paper; the text is drawn on a machine without fonts', async (t) => {
  for (const [theme, isPaper] of [
    ['light', (value: number) => value > 250],
    ['dark', (value: number) => value < 40],
  ] as const) {
    const { pixel } = await draw(renderHistogramSvg(result, { ...SIZE, theme }));
    t.ok(pixel(2, 2).every(isPaper), theme);
    let inked = 0;
    for (let y = 14; y < 34; y += 1) {
      for (let x = 20; x < 160; x += 1) if (!pixel(x, y).every(isPaper)) inked += 1;
    }
    t.ok(inked > 300, `${theme}: the title covers ${inked} pixels`);
  }
});

t.test('text is text, whatever it holds', async (t) => {
  const text = 'a <b> & "c" \u0000\u0008\ud800 é 图';
  t.equal(textNode(text), 'a &lt;b&gt; &amp; &quot;c&quot; \ufffd é 图');
});

t.test('plots of every size and of odd results', async (t) => {
  await sharp({ create: { width: 4, height: 4, channels: 4, background: { r: 9, g: 9, b: 9, alpha: 0 } } })
    .png()
    .toFile(at('empty.png'));
  await sharp(
    Uint16Array.from({ length: 600 }, (_, i) => i * 100),
    { raw: { width: 30, height: 20, channels: 1 } },
  )
    .toColourspace('grey16')
    .png()
    .toFile(at('deep.png'));
  const odd: [string, HistogramResult][] = [
    ['no pixel selected', await histogramOf(at('empty.png'), { ignore_transparent: true })],
    ['65,536 bins', await histogramOf(at('deep.png'), { bins: 65_536 })],
    ['one bin', await histogramOf(at('stripes.png'), { bins: 1 })],
    ['edges', await histogramOf(at('stripes.png'), { edges: [10, 60, 61, 250] })],
    ['shares', await histogramOf(at('stripes.png'), { normalize: true, cumulative: true })],
    ['computed channels', await histogramOf(at('stripes.png'), { channels: ['hue', 'saturation', 'value'] })],
  ];
  for (const [name, one] of odd) {
    for (const [width, height] of [
      [64, 48],
      [200, 100],
      [280, 160],
      [1600, 900],
    ] as const) {
      for (const scale of PLOT_SCALES) {
        const svg = renderHistogramSvg(one, { width, height, theme: 'dark', scale });
        t.doesNotThrow(() => parseTags(svg), name);
        t.notMatch(svg, /NaN|undefined|Infinity/, name);
        // A fill (there and back) and an outline a channel, at most two steps a pixel, whatever the number of bins.
        t.ok(
          svg.length < 5000 + Object.keys(one.channels).length * 3 * 2 * width * 30,
          `${name}: ${svg.length} characters for ${width} pixels`,
        );
      }
    }
    const { width, height } = await draw(renderHistogramSvg(one, { ...SIZE, width: 333, height: 222 }));
    t.same([width, height], [333, 222], name);
  }
});

t.test('of known photos: the coffee is red at the bright end, the coins are one grey hill', async (t) => {
  const picture = (name: string) => testDataPath('images', name);
  if (!existsSync(picture('coffee.png'))) {
    t.pass('known photos', { skip: NO_TEST_DATA });
    return;
  }
  const x = (level: number) => Math.round(BOX.left + (level / 256) * (BOX.right - BOX.left));
  const coffee = await draw(renderHistogramSvg(await histogramOf(picture('coffee.png')), SIZE));
  const [r, g, b] = coffee.pixel(x(190), BOX.bottom - 30);
  t.ok(r > g + 50 && r > b + 50, `level 190 is red: ${[r, g, b]}`);
  const [darkR, , darkB] = coffee.pixel(x(16), BOX.bottom - 70);
  t.ok(darkB > darkR + 50, 'level 16 is blue');
  const coins = await draw(
    renderHistogramSvg(await histogramOf(picture('coins.png')), { ...SIZE, theme: 'dark' }),
  );
  const [cr, cg, cb] = coins.pixel(x(60), BOX.bottom - 20);
  t.ok(Math.max(cr, cg, cb) - Math.min(cr, cg, cb) < 25 && cr > 80, 'grey under the hill');
  t.ok(
    coins.pixel(x(250), BOX.bottom - 20).every((value) => value < 60),
    'nothing at its foot',
  );
});
