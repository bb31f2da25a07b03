import { area, curveStepAfter, line } from 'd3-shape';
import { CHANNELS, type Channel, type HistogramResult } from '../schemas.ts';
import { countAxis, levelAxis, type PlotAxis, type PlotBox } from './scales.ts';
import type { PlotParams } from './schemas.ts';
import { element, label, textNode } from './svg.ts';
import { PALETTES, type Palette } from './theme.ts';

export type PlotOptions = Omit<PlotParams, 'format'>;

/** Average width of a letter of Inter, in em, because text cannot be measured here. */
const LETTER_WIDTH = 0.56;

interface Series {
  channel: Channel;
  /** [edge, count] of each bin, and the last edge with the last count. */
  points: [edge: number, count: number][];
  paint: string;
  mean: number | null;
}

/** Inter, as in the PNG, else the font of the reader's system. */
const FONT = "Inter, 'Segoe UI', system-ui, -apple-system, 'Helvetica Neue', Arial, sans-serif";

/** Size that a title, a legend and axis labels need; a smaller plot has only curves. */
const ROOMY = { width: 280, height: 160 };

/**
 * Draws histograms as a self-contained SVG document: a filled stepped curve for each channel over a common axis of
 * levels. The highest bin reaches the top.
 */
export function renderHistogramSvg(result: HistogramResult, options: PlotOptions): string {
  const { width, height, theme, scale } = options;
  const palette = PALETTES[theme];
  const roomy = width >= ROOMY.width && height >= ROOMY.height;
  const box = roomy
    ? { left: 58, top: 72, right: width - 24, bottom: height - 34 }
    : { left: 0, top: 2, right: width, bottom: height };
  const series = seriesOf(result, palette, 2 * (box.right - box.left));
  const edges = series.flatMap(({ points }) => [points[0]?.[0] ?? 0, points.at(-1)?.[0] ?? 0]);
  const x = edges.length > 0 ? levelAxis(Math.min(...edges), Math.max(...edges), box) : levelAxis(0, 1, box);
  const y = countAxis(
    result,
    maxOf(series.flatMap(({ points }) => points.map(([, count]) => count))),
    scale,
    box,
  );
  return element(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      'font-family': FONT,
      'font-size': 12,
      role: 'img',
    },
    [
      element('title', {}, [textNode(titleOf(series))]),
      element('defs', {}, series.some(({ channel }) => channel === 'hue') ? [hueGradient(x)] : []),
      element('rect', { width, height, fill: palette.background }),
      ...(roomy ? [heading(result, series, options, palette), grid(y, box, palette)] : []),
      curves(series, x, y, box, palette, result.cumulative ? palette.fillOpacity / 4 : palette.fillOpacity),
      ...(roomy ? [bottomAxis(x, box, palette)] : []),
    ],
  );
}

function seriesOf(result: HistogramResult, palette: Palette, limit: number): Series[] {
  return CHANNELS.flatMap((channel) => {
    const histogram = result.channels[channel];
    if (histogram === undefined) return [];
    const points = stepPoints(histogram.bin_edges, histogram.counts, limit);
    const paint = channel === 'hue' ? 'url(#hues)' : palette.channels[channel];
    return [{ channel, points, paint, mean: histogram.mean }];
  });
}

/**
 * Neighbouring bins narrower than half a pixel are drawn as one, as high as the highest of them. A step to the same
 * height needs no point.
 */
function stepPoints(edges: readonly number[], counts: readonly number[], limit: number): Series['points'] {
  const each = Math.ceil(counts.length / limit);
  const points: Series['points'] = [];
  for (let first = 0; first < counts.length; first += each) {
    const height = maxOf(counts.slice(first, first + each));
    if (points.at(-1)?.[1] !== height) points.push([edges[first] ?? 0, height]);
  }
  return [...points, [edges.at(-1) ?? 0, points.at(-1)?.[1] ?? 0]];
}

function curves(
  series: readonly Series[],
  x: PlotAxis,
  y: PlotAxis,
  box: PlotBox,
  palette: Palette,
  fillOpacity: number,
): string {
  const filled = area<[number, number]>()
    .x(([edge]) => x.at(edge))
    .y0(box.bottom)
    .y1(([, count]) => y.at(count))
    .curve(curveStepAfter)
    .digits(2);
  const stroked = line<[number, number]>()
    .x(([edge]) => x.at(edge))
    .y(([, count]) => y.at(count))
    .curve(curveStepAfter)
    .digits(2);
  const fills = series.map(({ channel, points, paint }) =>
    element('path', {
      'data-channel': channel,
      d: filled(points) ?? '',
      fill: paint,
      'fill-opacity': fillOpacity,
      style: `mix-blend-mode:${palette.blend}`,
    }),
  );
  const outlines = series.map(({ points, paint }) =>
    element('path', {
      d: stroked(points) ?? '',
      fill: 'none',
      stroke: paint,
      'stroke-width': 1.25,
      'stroke-linejoin': 'round',
    }),
  );
  // Isolated, so that the curves blend with each other and not with the background.
  return element('g', { style: 'isolation:isolate' }, [...fills, ...outlines]);
}

function heading(
  result: HistogramResult,
  series: readonly Series[],
  options: PlotOptions,
  palette: Palette,
): string {
  const { width, scale } = options;
  const style = { 'font-size': 16, 'font-weight': 600, fill: palette.text };
  const title = label({ x: 20, y: 29, ...style }, titleOf(series));
  const facts = [
    `${result.pixels.toLocaleString('en')} pixels`,
    `${result.bit_depth}-bit`,
    ...(result.cumulative ? ['cumulative'] : []),
    ...(scale === 'log' ? ['log scale'] : []),
  ].join('  ·  ');
  const note = label({ x: width - 24, y: 29, 'text-anchor': 'end', fill: palette.muted }, facts);
  return [title, ...(width >= 480 ? [note] : []), ...legend(series, width, palette)].join('');
}

function titleOf(series: readonly Series[]): string {
  const [only] = series;
  return series.length === 1 && only !== undefined ? `${nameOf(only.channel)} histogram` : 'Colour histogram';
}

function nameOf(channel: Channel): string {
  return channel.charAt(0).toUpperCase() + channel.slice(1);
}

/** Channels in one row, with their means if all fit; otherwise without means, as many channels as fit. */
function legend(series: readonly Series[], width: number, palette: Palette): string[] {
  const entries = series.map(({ channel, mean }) => ({
    channel,
    name: `${nameOf(channel)} `,
    note: mean === null ? 'no mean' : `mean ${mean.toFixed(1)}${channel === 'hue' ? '°' : ''}`,
  }));
  const lengthOf = (text: string) => 16 + 12 * LETTER_WIDTH * text.length + 18;
  const room = width - 40;
  const hasNotes = entries.reduce((sum, { name, note }) => sum + lengthOf(name + note), 0) <= room;
  let end = 0;
  return entries.flatMap(({ channel, name, note }) => {
    const start = 20 + end;
    end += lengthOf(hasNotes ? name + note : name);
    if (end > room) return [];
    const swatch = { x: start, y: 44, width: 10, height: 10, rx: 2, fill: palette.channels[channel] };
    const notes = hasNotes ? [element('tspan', { fill: palette.muted }, [textNode(note)])] : [];
    return [
      element('rect', swatch),
      element('text', { x: start + 16, y: 53, fill: palette.text }, [textNode(name), ...notes]),
    ];
  });
}

function grid(y: PlotAxis, box: PlotBox, palette: Palette): string {
  const lines = y.ticks.flatMap(({ at, label: text }) => [
    element('line', { x1: box.left, x2: box.right, y1: at, y2: at, stroke: palette.grid }),
    label({ x: box.left - 10, y: at + 4, 'text-anchor': 'end', fill: palette.muted }, text),
  ]);
  return element('g', { 'font-size': 11 }, lines);
}

function bottomAxis(x: PlotAxis, box: PlotBox, palette: Palette): string {
  const { left, right, bottom } = box;
  const ticks = x.ticks.flatMap(({ at, label: text }) => [
    element('line', { x1: at, x2: at, y1: bottom, y2: bottom + 5, stroke: palette.axis }),
    label({ x: at, y: bottom + 20, 'text-anchor': 'middle', fill: palette.muted }, text),
  ]);
  return element('g', { 'font-size': 11 }, [
    element('line', { x1: left, x2: right, y1: bottom, y2: bottom, stroke: palette.axis }),
    ...ticks,
  ]);
}

/** The hues along the axis of levels. */
function hueGradient(x: PlotAxis): string {
  const stops = ['#ff0000', '#ffff00', '#00ff00', '#00ffff', '#0000ff', '#ff00ff', '#ff0000'].map(
    (color, i) => element('stop', { offset: i / 6, 'stop-color': color }),
  );
  const ends = { x1: x.at(0), x2: x.at(360), y1: 0, y2: 0 };
  return element('linearGradient', { id: 'hues', gradientUnits: 'userSpaceOnUse', ...ends }, stops);
}

/** `Math.max` of any number of values; spreading 65,536 arguments could exhaust the stack. */
function maxOf(values: readonly number[]): number {
  return values.reduce((highest, value) => Math.max(highest, value), 0);
}
