import { Type } from '@sinclair/typebox';
import { parameterError } from '../../core/faults.ts';
import { StringEnum } from '../../core/schema.ts';
import type { Size } from '../../pictures/types.ts';
import { aboveThreshold, invert, level, type Method, methodParams } from './method.ts';
import { channel, extractPlane } from './plane.ts';

/** Maximum pixels × side of the block: 11 s. The plain mean takes the same time for any block. */
const MAX_GAUSSIAN_WORK = 10_000_000_000;

const BLOCK_SIZE = 51;

const params = methodParams(
  'threshold',
  'Threshold',
  'A given global threshold (`value`), or one for each pixel from its neighbourhood (`adaptive`).',
  {
    channel,
    invert,
    value: Type.Optional(level('Foreground is above this level.')),
    adaptive: Type.Optional(
      StringEnum(['mean', 'gaussian'], {
        description:
          'A pixel is foreground if it is above the mean (`gaussian`: weighted) of the block around it, minus `offset`.',
      }),
    ),
    block_size: Type.Optional(
      Type.Integer({
        description: `Side of the block of an adaptive threshold, in pixels; odd. With \`gaussian\`, multiplied by the number of pixels that the method works on, it is at most ${MAX_GAUSSIAN_WORK}. Default: ${BLOCK_SIZE}, or less for \`gaussian\` on a picture for which that is too much.`,
        minimum: 3,
        maximum: 999,
      }),
    ),
    offset: Type.Number({
      description: 'Subtracted from the mean of an adaptive threshold.',
      default: 0,
      minimum: -255,
      maximum: 255,
    }),
  },
);

/**
 * Foreground (1) is above its block's mean minus `offset` rounded up, as in OpenCV's `adaptiveThreshold`.
 *
 * @param means rounded mean of the block around each pixel; the picture's edge is repeated outwards
 */
function adaptiveThreshold(
  plane: Uint8Array,
  means: Uint8Array,
  offset: number,
  invert: boolean,
): Uint8Array {
  const classes = new Uint8Array(plane.length);
  const above = invert ? 0 : 1;
  const margin = Math.ceil(offset);
  for (let i = 0; i < classes.length; i++) {
    classes[i] = (plane[i] as number) > (means[i] as number) - margin ? above : 1 - above;
  }
  return classes;
}

/** The default side of a block: odd, and not too much work for the picture. */
export function gaussianBlockSize({ width, height }: Size): number {
  const most = Math.floor(MAX_GAUSSIAN_WORK / (width * height));
  return Math.max(3, Math.min(BLOCK_SIZE, most - 1 + (most % 2)));
}

/** Rounded mean of the block around each pixel, by running sums: equally fast for any block. */
function blockMeans(plane: Uint8Array, width: number, height: number, blockSize: number): Uint8Array {
  const radius = (blockSize - 1) / 2;
  const means = new Uint8Array(width * height);
  const columns = new Int32Array(width);
  const last = width - 1;
  const clampRow = (y: number) => Math.min(height - 1, Math.max(0, y)) * width;
  for (let dy = -radius; dy <= radius; dy++) {
    const offset = clampRow(dy);
    for (let x = 0; x < width; x++) columns[x] = (columns[x] as number) + (plane[offset + x] as number);
  }
  const scale = 1 / blockSize ** 2;
  for (let y = 0; y < height; y++) {
    // Of the columns outside of the picture, all on one side are equal.
    let sum = (radius + 1) * (columns[0] as number) + Math.max(0, radius - last) * (columns[last] as number);
    for (let x = 1; x <= Math.min(radius, last); x++) sum += columns[x] as number;
    const entering = clampRow(y + radius + 1);
    const leaving = clampRow(y - radius);
    for (let x = 0; x < width; x++) {
      means[y * width + x] = sum * scale + 0.5;
      sum +=
        (columns[Math.min(last, x + radius + 1)] as number) - (columns[Math.max(0, x - radius)] as number);
    }
    for (let x = 0; x < width; x++) {
      columns[x] = (columns[x] as number) + (plane[entering + x] as number) - (plane[leaving + x] as number);
    }
  }
  return means;
}

/**
 * Rounded Gaussian-weighted mean of the block around each pixel. As in OpenCV's `getGaussianKernel`, sigma is
 * 0.3 · ((size − 1) / 2 − 1) + 0.8.
 */
function gaussianMeans(plane: Uint8Array, width: number, height: number, blockSize: number): Uint8Array {
  const radius = (blockSize - 1) / 2;
  // One half of the kernel, which is symmetric; the centre is added twice, with half its weight.
  const weights = gaussianKernel(blockSize).subarray(radius);
  weights[0] = (weights[0] as number) / 2;
  const means = new Uint8Array(width * height);
  const row = new Float32Array(width);
  const padded = new Float32Array(width + 2 * radius);
  for (let y = 0; y < height; y++) {
    row.fill(0);
    // Row by row, to read memory in order.
    for (let k = 0; k <= radius; k++) {
      const weight = weights[k] as number;
      const above = Math.max(0, y - k) * width;
      const below = Math.min(height - 1, y + k) * width;
      for (let x = 0; x < width; x++) {
        row[x] = (row[x] as number) + weight * ((plane[above + x] as number) + (plane[below + x] as number));
      }
    }
    padded.fill(row[0] as number, 0, radius);
    padded.set(row, radius);
    padded.fill(row[width - 1] as number, radius + width);
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let k = 0; k <= radius; k++) {
        const pair = (padded[x + radius - k] as number) + (padded[x + radius + k] as number);
        sum += (weights[k] as number) * pair;
      }
      means[y * width + x] = sum + 0.5;
    }
  }
  return means;
}

function gaussianKernel(size: number): Float64Array {
  const center = (size - 1) / 2;
  const sigma = 0.3 * (center - 1) + 0.8;
  const kernel = Float64Array.from({ length: size }, (_, i) =>
    Math.exp(-((i - center) ** 2) / (2 * sigma ** 2)),
  );
  const sum = kernel.reduce((a, b) => a + b);
  return kernel.map((weight) => weight / sum);
}

export const threshold: Method<typeof params> = {
  params,
  isQuick: ({ adaptive }) => adaptive !== 'gaussian',
  check({ value, adaptive, block_size }) {
    if (value === undefined && adaptive === undefined) {
      throw parameterError('/value', 'an integer from 0 to 255 (or adaptive instead of value)', undefined);
    }
    if (value !== undefined && adaptive !== undefined) {
      throw parameterError('/adaptive', 'nothing, because value is given,', adaptive);
    }
    if (block_size !== undefined && block_size % 2 === 0)
      throw parameterError('/block_size', 'an odd integer', block_size);
  },
  checkSize({ adaptive, block_size = 0 }, { width, height }) {
    const most = Math.floor(MAX_GAUSSIAN_WORK / (width * height));
    if (adaptive !== 'gaussian' || block_size <= most) return;
    const expected = `an odd integer from 3 to ${most} for gaussian with ${width}×${height} pixels`;
    throw parameterError('/block_size', expected, block_size);
  },
  classify({ picture }, { channel, value, adaptive, block_size, offset, invert }) {
    const { width, height } = picture;
    const plane = extractPlane(picture, channel);
    if (value !== undefined) {
      return { classes: aboveThreshold(plane, value, invert), found: { thresholds: [value] } };
    }
    const isGaussian = adaptive === 'gaussian';
    const side = block_size ?? (isGaussian ? gaussianBlockSize(picture) : BLOCK_SIZE);
    const means = (isGaussian ? gaussianMeans : blockMeans)(plane, width, height, side);
    return { classes: adaptiveThreshold(plane, means, offset, invert), found: {} };
  },
};
