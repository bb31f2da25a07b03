import { greatestCommonDivisor } from './arithmetic.ts';
import { isMasked, maskStride, setMasked } from './null-mask.ts';
import { type RowResampler, targetMask } from './resampler.ts';

/**
 * The exact area average of rows of different widths. Source and target pixels are laid on a common lattice: with
 * g = gcd(W, T), a source pixel is T/g units long and a target pixel W/g. A target pixel covers a part of a first and of a
 * last source pixel and all pixels between them, so every weight is an integer and the weights sum to W/g.
 */
export function createAreaResampler(sourceWidth: number, width: number): RowResampler {
  const divisor = greatestCommonDivisor(sourceWidth, width);
  const span = sourceWidth / divisor;
  const unit = width / divisor;
  const first = new Int32Array(width);
  const firstWeight = new Int32Array(width);
  const last = new Int32Array(width);
  /** 0 if the first source pixel is also the last one. */
  const lastWeight = new Int32Array(width);
  for (let x = 0; x < width; x++) {
    const from = x * span;
    const to = from + span;
    const start = Math.floor(from / unit);
    const stop = Math.ceil(to / unit) - 1;
    first[x] = start;
    last[x] = stop;
    firstWeight[x] = Math.min(to, (start + 1) * unit) - from;
    lastWeight[x] = stop > start ? to - stop * unit : 0;
  }
  const resamplePlain = chooseRowLoop({ width, span, unit, first, firstWeight, last, lastWeight });
  const sourceStride = maskStride(sourceWidth);
  const targetStride = maskStride(width);
  return (source, row, mask, target) => {
    const from = row * sourceWidth;
    if (mask === null) {
      resamplePlain(source.pixels, from, target.pixels, row * width);
      return;
    }
    for (let x = 0; x < width; x++) {
      const start = first[x] as number;
      const stop = last[x] as number;
      let sum = 0;
      let covered = 0;
      for (let at = start; at <= stop; at++) {
        if (isMasked(mask, row * sourceStride, at)) continue;
        const weight =
          at === start ? (firstWeight[x] as number) : at === stop ? (lastWeight[x] as number) : unit;
        sum += weight * (source.pixels[from + at] as number);
        covered += weight;
      }
      // Both are integers below 2^32, so the division does not round up to the next integer.
      target.pixels[row * width + x] = covered === 0 ? 0 : Math.floor((2 * sum + covered) / (2 * covered));
      if (covered === 0) setMasked(targetMask(target), row * targetStride, x);
    }
  };
}

/** The integer weights for one pair of widths. */
interface AreaPlan {
  width: number;
  /** Lattice units of a target pixel, and of a source pixel. */
  span: number;
  unit: number;
  first: Int32Array;
  firstWeight: Int32Array;
  last: Int32Array;
  lastWeight: Int32Array;
}

/** Resamples one row without missing pixels from one offset to another. */
type RowLoop = (source: Uint8Array, from: number, target: Uint8Array, to: number) => void;

/** The faster of two loops with the same result: `twoTaps` if no target pixel covers more than two source pixels. */
function chooseRowLoop(plan: AreaPlan): RowLoop {
  const { span, first, last } = plan;
  const few = first.every((start, x) => (last[x] as number) - start <= 1);
  return few && span <= 256 ? twoTaps(plan) : manyTaps(plan);
}

function manyTaps({ width, span, unit, first, firstWeight, last, lastWeight }: AreaPlan): RowLoop {
  // floor(sum / span + 1/2) as one multiplication: a quarter of a lattice unit more cannot reach the next integer, and is
  // far above the rounding error of a product below 256.
  const scale = 1 / span;
  const half = 0.5 + 0.25 / span;
  return (source, from, target, to) => {
    for (let x = 0; x < width; x++) {
      const stop = from + (last[x] as number);
      let at = from + (first[x] as number);
      let between = 0;
      let sum =
        (firstWeight[x] as number) * (source[at] as number) +
        (lastWeight[x] as number) * (source[stop] as number);
      for (at++; at < stop; at++) between += source[at] as number;
      sum += unit * between;
      target[to + x] = sum * scale + half;
    }
  };
}

function twoTaps({ width, span, first, firstWeight, last, lastWeight }: AreaPlan): RowLoop {
  const rounded = Uint8Array.from({ length: 255 * span + 1 }, (_, sum) =>
    Math.floor((2 * sum + span) / (2 * span)),
  );
  return (source, from, target, to) => {
    for (let x = 0; x < width; x++) {
      const sum =
        (firstWeight[x] as number) * (source[from + (first[x] as number)] as number) +
        (lastWeight[x] as number) * (source[from + (last[x] as number)] as number);
      target[to + x] = rounded[sum] as number;
    }
  };
}
