import { isMasked, maskStride, setMasked } from './null-mask.ts';
import { type ResampleKernel, type RowResampler, targetMask } from './resampler.ts';

/** A reconstruction kernel, which is 0 at `radius` and beyond. */
interface Kernel {
  radius: number;
  weight: (distance: number) => number;
  /** The least sum of weights of present pixels that gives a value. */
  leastWeight: number;
}

const sinc = (x: number) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));

/**
 * Triangle; Keys 1981 ("Cubic convolution interpolation for digital image processing") with a = -0.5; Lanczos with
 * three lobes (Duchon 1979).
 */
const KERNELS: Record<Exclude<ResampleKernel, 'area' | 'nearest'>, Kernel> = {
  linear: { radius: 1, weight: (x) => 1 - Math.abs(x), leastWeight: Number.MIN_VALUE },
  cubic: {
    radius: 2,
    weight: (distance) => {
      const x = Math.abs(distance);
      return x < 1 ? (1.5 * x - 2.5) * x * x + 1 : ((-0.5 * x + 2.5) * x - 4) * x + 2;
    },
    leastWeight: 0.5,
  },
  lanczos3: { radius: 3, weight: (x) => sinc(x) * sinc(x / 3), leastWeight: 0.5 },
};

/** The source pixels of each target pixel: `count[x]` pixels from `first[x]`, with weights from `offset[x]`. */
interface Taps {
  first: Int32Array;
  count: Int32Array;
  offset: Int32Array;
  weights: Float64Array;
  leastWeight: number;
}

function nearestTaps(sourceWidth: number, width: number): Taps {
  // The centre (x + 1/2) · W / T in whole numbers.
  const first = Int32Array.from({ length: width }, (_, x) =>
    Math.floor(((2 * x + 1) * sourceWidth) / (2 * width)),
  );
  const count = new Int32Array(width).fill(1);
  return { first, count, offset: new Int32Array(width), weights: Float64Array.of(1), leastWeight: 1 };
}

function kernelTaps(sourceWidth: number, width: number, kernel: Kernel): Taps {
  const ratio = sourceWidth / width;
  const stretch = Math.max(1, ratio);
  const reach = kernel.radius * stretch;
  const first = new Int32Array(width);
  const count = new Int32Array(width);
  const offset = new Int32Array(width);
  const weights: number[] = [];
  for (let x = 0; x < width; x++) {
    const centre = (x + 0.5) * ratio - 0.5;
    const start = Math.max(0, Math.floor(centre - reach) + 1);
    const stop = Math.min(sourceWidth - 1, Math.ceil(centre + reach) - 1);
    first[x] = start;
    count[x] = stop - start + 1;
    offset[x] = weights.length;
    const raw = Array.from({ length: stop - start + 1 }, (_, tap) =>
      kernel.weight((start + tap - centre) / stretch),
    );
    const sum = raw.reduce((a, b) => a + b, 0);
    weights.push(...raw.map((weight) => weight / sum));
  }
  return { first, count, offset, weights: Float64Array.from(weights), leastWeight: kernel.leastWeight };
}

/** Sums of weights have rounding errors; a value that is exactly half must still round up. */
const ROUNDING = 0.5 + 1e-9;

/** A resampler by weights in double precision. */
export function createKernelResampler(
  sourceWidth: number,
  width: number,
  kernel: Exclude<ResampleKernel, 'area'>,
): RowResampler {
  const taps =
    kernel === 'nearest' ? nearestTaps(sourceWidth, width) : kernelTaps(sourceWidth, width, KERNELS[kernel]);
  const { first, count, offset, weights, leastWeight } = taps;
  const sourceStride = maskStride(sourceWidth);
  const targetStride = maskStride(width);
  return (source, row, mask, target) => {
    for (let x = 0; x < width; x++) {
      const start = first[x] as number;
      const taken = count[x] as number;
      const weightsAt = offset[x] as number;
      let sum = 0;
      let covered = 0;
      for (let tap = 0; tap < taken; tap++) {
        if (mask !== null && isMasked(mask, row * sourceStride, start + tap)) continue;
        const weight = weights[weightsAt + tap] as number;
        sum += weight * (source.pixels[row * sourceWidth + start + tap] as number);
        covered += weight;
      }
      const present = mask === null || covered >= leastWeight;
      const value = mask === null ? sum : sum / covered;
      target.pixels[row * width + x] = present ? Math.max(0, Math.min(255, Math.floor(value + ROUNDING))) : 0;
      if (!present) setMasked(targetMask(target), row * targetStride, x);
    }
  };
}
