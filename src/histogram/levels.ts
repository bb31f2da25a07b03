import { levelsOf, type Raster } from './raster.ts';
import type { Channel } from './schemas.ts';

/** Hues are whole degrees. */
export const HUE_LEVELS = 360;

/** The level that stands for "has no hue" while counting; it is never part of a result. */
export const NO_HUE = HUE_LEVELS;

/** How many levels a channel of this raster has: 256 or 65,536, and 360 for hue. */
export function channelLevels(raster: Pick<Raster, 'bitDepth'>, channel: Channel): number {
  return channel === 'hue' ? HUE_LEVELS : levelsOf(raster);
}

/** The band that holds the channel as it is stored; `null` where it has to be computed or is not there. */
export function storedBand(raster: Pick<Raster, 'colorSpace' | 'alpha'>, channel: Channel): number | null {
  if (channel === 'alpha') return raster.alpha;
  if (raster.colorSpace === 'grey') return channel === 'grey' || channel === 'luminance' ? 0 : null;
  const band = ['red', 'green', 'blue'].indexOf(channel);
  return band < 0 ? null : band;
}

/** Writes a channel's levels of the pixels from `start` to before `end` to the beginning of `out`. */
export type LevelReader = (start: number, end: number, out: Uint16Array) => void;

/**
 * A reader of any channel that the raster has or that can be computed of it; HSV of grey is that of equal red, green
 * and blue.
 */
export function levelReader(raster: Raster, channel: Channel): LevelReader {
  const { samples, stride } = raster;
  const band = storedBand(raster, channel);
  if (band !== null) return (start, end, out) => readBand(samples, stride, band, start, end, out);
  const [g, b] = raster.colorSpace === 'srgb' ? [1, 2] : [0, 0];
  switch (channel) {
    case 'luminance':
      return (start, end, out) => readLuminance(samples, stride, start, end, out);
    case 'value':
      return (start, end, out) => readValue(samples, stride, g, b, start, end, out);
    case 'saturation': {
      const top = levelsOf(raster) - 1;
      return (start, end, out) => readSaturation(samples, stride, g, b, top, start, end, out);
    }
    case 'hue':
      return (start, end, out) => readHue(samples, stride, g, b, start, end, out);
    default:
      throw new Error(`A ${raster.colorSpace} raster has no ${channel}`);
  }
}

type Samples = Raster['samples'];

function readBand(
  s: Samples,
  stride: number,
  band: number,
  start: number,
  end: number,
  out: Uint16Array,
): void {
  for (let i = 0, at = start * stride + band; i < end - start; i += 1, at += stride) {
    out[i] = s[at] ?? 0;
  }
}

/**
 * Rec. 709 luma weights (ITU-R BT.709-6, item 3.2) on the gamma-encoded values, in units of 1/5000, in which they are
 * whole: the sum is exact. Half a unit more keeps every sum clear of the next whole level, so that multiplying
 * (dividing took twice as long) and dropping the fraction, which the typed array does, is exact rounding half up.
 */
function readLuminance(s: Samples, stride: number, start: number, end: number, out: Uint16Array): void {
  for (let i = 0, at = start * stride; i < end - start; i += 1, at += stride) {
    const sum = 1063 * (s[at] ?? 0) + 3576 * (s[at + 1] ?? 0) + 361 * (s[at + 2] ?? 0);
    out[i] = (sum + 2500.5) * (1 / 5000);
  }
}

function readValue(
  s: Samples,
  stride: number,
  green: number,
  blue: number,
  start: number,
  end: number,
  out: Uint16Array,
): void {
  for (let i = 0, at = start * stride; i < end - start; i += 1, at += stride) {
    out[i] = Math.max(s[at] ?? 0, s[at + green] ?? 0, s[at + blue] ?? 0);
  }
}

/** Chroma over value, 0 to `top`, rounded half up in whole numbers. */
function readSaturation(
  s: Samples,
  stride: number,
  green: number,
  blue: number,
  top: number,
  start: number,
  end: number,
  out: Uint16Array,
): void {
  for (let i = 0, at = start * stride; i < end - start; i += 1, at += stride) {
    const r = s[at] ?? 0;
    const g = s[at + green] ?? 0;
    const b = s[at + blue] ?? 0;
    const max = Math.max(r, g, b);
    const chroma = max - Math.min(r, g, b);
    // Black: 0 / 0 is NaN, which the typed array stores as 0.
    out[i] = (2 * top * chroma + max) / (2 * max);
  }
}

/** Hexcone hue (A. R. Smith, "Color gamut transform pairs", 1978) in degrees, rounded half up in whole numbers. */
function readHue(
  s: Samples,
  stride: number,
  green: number,
  blue: number,
  start: number,
  end: number,
  out: Uint16Array,
): void {
  for (let i = 0, at = start * stride; i < end - start; i += 1, at += stride) {
    const r = s[at] ?? 0;
    const g = s[at + green] ?? 0;
    const b = s[at + blue] ?? 0;
    const max = Math.max(r, g, b);
    const chroma = max - Math.min(r, g, b);
    if (chroma === 0) {
      out[i] = NO_HUE;
      continue;
    }
    const sixths = max === r ? g - b : max === g ? b - r + 2 * chroma : r - g + 4 * chroma;
    // 360 more before rounding keeps the number positive, so that dropping the fraction rounds down.
    const degrees = ((120 * sixths + 721 * chroma) / (2 * chroma)) | 0;
    out[i] = degrees >= HUE_LEVELS ? degrees - HUE_LEVELS : degrees;
  }
}
