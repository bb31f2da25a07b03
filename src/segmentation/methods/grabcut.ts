import { type Static, Type } from '@sinclair/typebox';
import { parameterError, Words } from '../../core/faults.ts';
import { SchemaRef } from '../../core/schema.ts';
import { squaredDistance } from '../labels/morphology.ts';
import { colorChannels, type Picture } from '../labels/picture.ts';
import { Box, type Point } from '../labels/segment.ts';
import {
  checkPoints,
  enlarge,
  invert,
  type Method,
  type MethodInput,
  methodParams,
  points,
  scalePoint,
} from './method.ts';
import { type Mat, type OpenCv, openCv, withMats } from './opencv.ts';

/**
 * Maximum pixels of the copy that is cut. The graph of a cut takes at least 300 bytes for each, and OpenCV's WebAssembly has
 * 2 GB. What it throws when it has no more memory cannot be told from other failures.
 */
const MAX_PIXELS = 2_500_000;

/** Maximum pixels × iterations: 18 s for noise, which has no object. */
const MAX_WORK = MAX_PIXELS * 5;

const params = methodParams(
  'grabcut',
  'Grabcut',
  `The object in a box, by iterated graph cuts with colour models: on a reduced copy of up to ${MAX_PIXELS} pixels, then refined at full size.`,
  {
    invert,
    box: SchemaRef(Box),
    foreground: points('Points that are certainly part of the object.'),
    background: points('Points that are certainly not part of it.'),
    iterations: Type.Integer({
      description: `Number of rounds of learning the colours and cutting. Multiplied by the pixels of the reduced copy, it is at most ${MAX_WORK}.`,
      default: 5,
      minimum: 1,
      maximum: 20,
    }),
  },
);

/** Longest side of the copy that is cut first: larger ones take too long, smaller ones may give a worse optimum. */
const WORKING_SIZE = 640;

/** Radius of the disc on the reduced copy that a point marks. */
const POINT_RADIUS = 2;

/** Side of the tiles in which the border is refined: a cut takes time and memory for every pixel of its graph. */
const TILE = 192;

/**
 * GrabCut (C. Rother, V. Kolmogorov, A. Blake, 2004) by OpenCV on the reduced copy. If that is smaller than the picture,
 * the uncertain pixels along the border are cut again at full size, with the same colour models.
 */
export const grabcut: Method<typeof params> = {
  params,
  defaults: () => ({ working_size: WORKING_SIZE }),
  checkCoordinates({ box, foreground, background }, size) {
    if (box.x + box.width > size.width || box.y + box.height > size.height) {
      throw parameterError(
        '/box',
        `a box inside the ${size.width}×${size.height} picture`,
        new Words(`${box.width}×${box.height} at (${box.x}, ${box.y})`),
      );
    }
    checkPoints('/foreground', foreground, size);
    checkPoints('/background', background, size);
  },
  checkSize({ working_size, iterations }, { width, height }) {
    const pixels = width * height;
    const copy = `${width}×${height} pixels`;
    if (pixels > MAX_PIXELS) {
      const expected = `a size that leaves at most ${MAX_PIXELS} pixels`;
      throw parameterError('/working_size', expected, new Words(`${working_size}, which leaves ${copy}`));
    }
    const most = Math.floor(MAX_WORK / pixels);
    if (iterations > most)
      throw parameterError('/iterations', `an integer from 1 to ${most} with ${copy}`, iterations);
  },
  async classify(input, given) {
    const cv = await openCv();
    const { picture, original } = input;
    const trimap = drawTrimap(cv, input, given);
    if (!trimap.includes(cv.GC_PR_FGD) && !trimap.includes(cv.GC_FGD)) {
      // The whole box is transparent.
      return { classes: trimap.fill(given.invert ? 1 : 0), found: {} };
    }
    if (!trimap.includes(cv.GC_BGD) && !trimap.includes(cv.GC_PR_BGD)) {
      throw parameterError(
        '/box',
        'a box smaller than the picture, or points in background,',
        new Words('a box that covers the whole picture'),
      );
    }
    return withMats((keep) => {
      // The colour models start from a random clustering.
      cv.setRNGSeed(0);
      const models = { background: keep(new cv.Mat()), foreground: keep(new cv.Mat()) };
      const coarse = cut(cv, picture, trimap, models, given.iterations, cv.GC_INIT_WITH_MASK);
      const classes = picture === original ? coarse : refine(cv, coarse, input, models);
      return {
        classes: given.invert ? classes.map((value) => 1 - value) : classes,
        found: {},
        isFullSize: true,
      };
    });
  },
};

interface ColorModels {
  background: Mat;
  foreground: Mat;
}

/** Calls grabCut; foreground is 1 in the result. */
function cut(
  cv: OpenCv,
  picture: Picture,
  trimap: Uint8Array,
  models: ColorModels,
  iterations: number,
  mode: number,
): Uint8Array {
  return withMats((keep) => {
    const { width, height } = picture;
    const image = keep(new cv.Mat(height, width, cv.CV_8UC3));
    image.data.set(interleavedRgb(picture));
    const mask = keep(new cv.Mat(height, width, cv.CV_8UC1));
    mask.data.set(trimap);
    const all = new cv.Rect(0, 0, width, height);
    try {
      cv.grabCut(image, mask, all, models.background, models.foreground, iterations, mode);
    } catch (thrown) {
      // OpenCV throws pointers to its exceptions.
      if (thrown instanceof Error) throw thrown;
      throw new Error('OpenCV could not cut the picture.', { cause: thrown });
    }
    return Uint8Array.from(mask.data, (value: number) => value & 1);
  });
}

/** H×W×3 without alpha; grey is repeated. */
function interleavedRgb(picture: Picture): Uint8Array {
  const { width, height, channels, data } = picture;
  if (channels === 3) return data;
  const rgb = new Uint8Array(width * height * 3);
  const step = colorChannels(picture) === 1 ? 0 : 1;
  for (let i = 0, j = 0; i < rgb.length; i += 3, j += channels) {
    rgb[i] = data[j] as number;
    rgb[i + 1] = data[j + step] as number;
    rgb[i + 2] = data[j + 2 * step] as number;
  }
  return rgb;
}

/** What is known of each pixel of the reduced copy before the cut, as OpenCV's GC_ values. */
function drawTrimap(cv: OpenCv, input: MethodInput, given: Static<typeof params>): Uint8Array {
  const { picture, hidden } = input;
  const { width, height } = picture;
  const trimap = new Uint8Array(width * height).fill(cv.GC_BGD);
  const { x, y, width: boxWidth, height: boxHeight } = scaleBox(given.box, input);
  for (let row = y; row < y + boxHeight; row++) {
    trimap.fill(cv.GC_PR_FGD, row * width + x, row * width + x + boxWidth);
  }
  for (const point of given.background) drawDisc(trimap, picture, scalePoint(point, input), cv.GC_BGD);
  for (const point of given.foreground) drawDisc(trimap, picture, scalePoint(point, input), cv.GC_FGD);
  if (hidden !== null) for (let i = 0; i < hidden.length; i++) if (hidden[i] !== 0) trimap[i] = cv.GC_BGD;
  return trimap;
}

/** The box on the reduced copy, at least one pixel. */
function scaleBox(box: Box, input: MethodInput): Box {
  const first = scalePoint(box, input);
  const last = scalePoint({ x: box.x + box.width - 1, y: box.y + box.height - 1 }, input);
  return { ...first, width: last.x - first.x + 1, height: last.y - first.y + 1 };
}

function drawDisc(trimap: Uint8Array, { width, height }: Picture, center: Point, value: number): void {
  const { x, y } = center;
  for (let ny = Math.max(0, y - POINT_RADIUS); ny <= Math.min(height - 1, y + POINT_RADIUS); ny++) {
    for (let nx = Math.max(0, x - POINT_RADIUS); nx <= Math.min(width - 1, x + POINT_RADIUS); nx++) {
      if ((nx - x) ** 2 + (ny - y) ** 2 <= POINT_RADIUS ** 2) trimap[ny * width + nx] = value;
    }
  }
}

/** The mask at full size, cut again in each tile that contains a part of the coarse border. */
function refine(cv: OpenCv, coarse: Uint8Array, input: MethodInput, models: ColorModels): Uint8Array {
  const { picture, original } = input;
  const { width, height, channels, data } = original;
  const trimap = enlarge(uncertainBorder(coarse, picture), input);
  const classes = trimap.map((value) => value & 1);
  for (let top = 0; top < height; top += TILE) {
    for (let left = 0; left < width; left += TILE) {
      const box = {
        x: left,
        y: top,
        width: Math.min(TILE, width - left),
        height: Math.min(TILE, height - top),
      };
      const known = cropBand(trimap, width, 1, box);
      const isCertain = known.every((value) => value < 2);
      if (isCertain) continue;
      const tile = { ...box, channels, data: cropBand(data, width, channels, box) };
      const mask = cut(cv, tile, known, models, 1, cv.GC_EVAL_FREEZE_MODEL);
      for (let y = 0; y < box.height; y++) {
        classes.set(mask.subarray(y * box.width, (y + 1) * box.width), (top + y) * width + left);
      }
    }
  }
  return classes;
}

/** The mask as GC_ values: pixels of the reduced copy within a pixel and a half of the border are uncertain. */
function uncertainBorder(mask: Uint8Array, { width, height }: Picture): Uint8Array {
  const toBackground = squaredDistance(mask, width, height, 'background');
  const toForeground = squaredDistance(mask, width, height, 'foreground');
  return mask.map((value, i) => {
    // A pixel beside the border has distance 1, the next one 4.
    const isUncertain = ((value === 1 ? toBackground : toForeground)[i] as number) < 4;
    // GC_BGD, GC_FGD, GC_PR_BGD and GC_PR_FGD are 0 to 3.
    return isUncertain ? value + 2 : value;
  });
}

function cropBand(data: Uint8Array, width: number, channels: number, box: Box): Uint8Array {
  const out = new Uint8Array(box.width * box.height * channels);
  for (let y = 0; y < box.height; y++) {
    const from = ((box.y + y) * width + box.x) * channels;
    out.set(data.subarray(from, from + box.width * channels), y * box.width * channels);
  }
  return out;
}
