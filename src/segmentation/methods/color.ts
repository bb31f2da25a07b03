import { Type } from '@sinclair/typebox';
import { parameterError } from '../../core/faults.ts';
import { SchemaRef } from '../../core/schema.ts';
import { type Connectivity, connectRuns, extractRuns, paintRuns, type Runs } from '../labels/components.ts';
import { colorChannels, type Picture } from '../labels/picture.ts';
import { Point } from '../labels/segment.ts';
import { deltaE2000, hexOfRgb, labOfRgb, rgbOfHex } from './color-science.ts';
import { checkPoint, invert, type Method, methodParams, scalePoint } from './method.ts';
import { classifyByColor, colorOfKey, countColors } from './palette.ts';

const params = methodParams(
  'color',
  'Color',
  'Pixels whose colour is similar to a given one, or to that of a point, by CIEDE2000.',
  {
    invert,
    color: Type.Optional(
      Type.String({
        description:
          'An sRGB colour: a name of CSS (`red`), hexadecimal digits (`#c8761b`, `c8761b`) or `rgb(200, 118, 27)`. Default: the colour at `point`.',
        format: 'opaque-color',
        maxLength: 50,
        examples: ['#c8761b'],
      }),
    ),
    tolerance: Type.Number({
      description: 'Maximum colour difference ΔE2000.',
      default: 10,
      minimum: 0,
      maximum: 200,
    }),
    point: Type.Optional(
      Type.Unsafe<Point>({
        ...SchemaRef(Point),
        description:
          'Keep only the region of similar colours that is connected to this pixel. Default: the whole picture.',
      }),
    ),
  },
);

export const color: Method<typeof params> = {
  params,
  check(given) {
    if (given.color === undefined && given.point === undefined) throw noColor();
  },
  checkCoordinates({ point }, size) {
    if (point !== undefined) checkPoint('/point', point, size);
  },
  classify(input, given) {
    const { picture, hidden } = input;
    const point = given.point === undefined ? null : scalePoint(given.point, input);
    const target = given.color === undefined ? colorAt(picture, point) : rgbOfHex(given.color);
    const lab = labOfRgb(...target);
    const palette = countColors(picture, hidden);
    const isGrey = colorChannels(picture) === 1;
    const isNear = Uint8Array.from(palette.keys, (key) =>
      deltaE2000(lab, labOfRgb(...colorOfKey(key, isGrey))) <= given.tolerance ? 1 : 0,
    );
    const classes = classifyByColor(picture, hidden, palette, isNear);
    if (point !== null) keepRegionOf(classes, picture, point, given.connectivity);
    return {
      classes: given.invert ? classes.map((value) => 1 - value) : classes,
      found: { color: hexOfRgb(target) },
    };
  },
};

function noColor() {
  return parameterError('/color', 'a colour, or a point whose colour to use,', undefined);
}

function colorAt({ width, channels, data }: Picture, point: Point | null): [number, number, number] {
  if (point === null) throw noColor();
  const at = (point.y * width + point.x) * channels;
  const red = data[at] as number;
  return channels < 3 ? [red, red, red] : [red, data[at + 1] as number, data[at + 2] as number];
}

/** Clears all foreground that is not connected to the point, in place. */
function keepRegionOf(
  classes: Uint8Array,
  { width, height }: Picture,
  point: Point,
  connectivity: Connectivity,
): void {
  const runs = extractRuns(classes, width, height);
  const { label } = connectRuns(runs, connectivity);
  const kept = label[runAt(runs, point)];
  const values = label.map((region) => (region === kept ? 1 : 0));
  paintRuns(classes.fill(0), runs, values);
}

/** Index of the run that holds a pixel; -1 if it is background. */
function runAt({ rows, start, end }: Runs, { x, y }: Point): number {
  for (let run = rows[y] as number; run < (rows[y + 1] as number); run++) {
    if ((start[run] as number) <= x && x < (end[run] as number)) return run;
  }
  return -1;
}
