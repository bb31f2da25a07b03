import { parameterError } from '../../core/faults.ts';
import { deltaE2000, hexOfRgb, labOfRgb, rgbOfHex } from '../color-science.ts';
import { connectRuns, extractRuns, type Runs } from '../labels/components.ts';
import { classifyByColor, colorOfKey, countColors } from '../labels/palette.ts';
import { colorChannels, type Picture } from '../picture.ts';
import type { Point } from '../schemas.ts';
import { type Method, scalePoint } from './method.ts';

export const color: Method<'color'> = (input, params) => {
  const { picture, hidden } = input;
  const point = params.point === undefined ? null : scalePoint(params.point, input);
  const target = params.color === undefined ? colorAt(picture, point) : rgbOfHex(params.color);
  const lab = labOfRgb(...target);
  const palette = countColors(picture, hidden);
  const isGrey = colorChannels(picture) === 1;
  const isNear = new Uint8Array(palette.keys.length);
  palette.keys.forEach((key, i) => {
    if (deltaE2000(lab, labOfRgb(...colorOfKey(key, isGrey))) <= params.tolerance) isNear[i] = 1;
  });
  const classes = classifyByColor(picture, hidden, palette, isNear);
  if (point !== null) keepRegionOf(classes, picture, point, params.connectivity);
  if (params.invert) for (let i = 0; i < classes.length; i++) classes[i] = 1 - (classes[i] as number);
  return { classes, found: { color: hexOfRgb(target) } };
};

function colorAt({ width, channels, data }: Picture, point: Point | null): [number, number, number] {
  if (point === null) throw parameterError('/color', 'a colour, or a point to take it from,', undefined);
  const at = (point.y * width + point.x) * channels;
  const red = data[at] as number;
  return channels < 3 ? [red, red, red] : [red, data[at + 1] as number, data[at + 2] as number];
}

/** Clears, in place, all foreground that is not connected to the point. */
function keepRegionOf(
  classes: Uint8Array,
  { width, height }: Picture,
  point: Point,
  connectivity: 4 | 8,
): void {
  const runs = extractRuns(classes, width, height);
  const { label } = connectRuns(runs, connectivity);
  const kept = label[runAt(runs, point)] ?? 0;
  classes.fill(0);
  if (kept === 0) return;
  for (let y = 0; y < height; y++) {
    for (let run = runs.rows[y] as number; run < (runs.rows[y + 1] as number); run++) {
      if (label[run] !== kept) continue;
      classes.fill(1, y * width + (runs.start[run] as number), y * width + (runs.end[run] as number));
    }
  }
}

/** Index of the run that holds a pixel, or -1. */
function runAt({ rows, start, end }: Runs, { x, y }: Point): number {
  for (let run = rows[y] as number; run < (rows[y + 1] as number); run++) {
    if ((start[run] as number) <= x && x < (end[run] as number)) return run;
  }
  return -1;
}
