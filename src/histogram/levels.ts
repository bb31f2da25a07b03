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

/** The band that holds the channel as it is stored; `null` if it has to be computed or is not there. */
export function storedBand(raster: Pick<Raster, 'colorSpace' | 'alpha'>, channel: Channel): number | null {
  if (channel === 'alpha') return raster.alpha;
  if (raster.colorSpace === 'grey') return channel === 'grey' || channel === 'luminance' ? 0 : null;
  const band = ['red', 'green', 'blue'].indexOf(channel);
  return band < 0 ? null : band;
}

/** Writes a channel's levels of the pixels from `start` to before `end` to the beginning of `out`. */
export type LevelReader = (start: number, end: number, out: Uint16Array) => void;

/** Where the samples of a pixel are: the index of each band from that of its first one. */
interface Bands {
  samples: Raster['samples'];
  stride: number;
  red: number;
  green: number;
  blue: number;
  /** The highest level. */
  top: number;
}

/**
 * A reader of any channel that the raster has or that can be computed from it; HSV of grey is that of equal red, green
 * and blue.
 */
export function levelReader(raster: Raster, channel: Channel): LevelReader {
  const { samples, stride, colorSpace } = raster;
  const band = storedBand(raster, channel);
  const [green, blue] = colorSpace === 'srgb' ? [1, 2] : [0, 0];
  const bands = { samples, stride, red: band ?? 0, green, blue, top: levelsOf(raster) - 1 };
  const read = band === null ? COMPUTED[channel] : readBand;
  if (read === undefined) throw new Error(`A ${colorSpace} raster has no ${channel}`);
  return (start, end, out) => read(bands, start, end, out);
}

type BandReader = (bands: Bands, start: number, end: number, out: Uint16Array) => void;

const readBand: BandReader = ({ samples: s, stride, red }, start, end, out) => {
  for (let i = 0, at = start * stride + red; i < end - start; i += 1, at += stride) {
    out[i] = s[at] ?? 0;
  }
};

/** Each has a loop of its own, since a call for each pixel would take longer than its work. */
const COMPUTED: Partial<Record<Channel, BandReader>> = {
  /**
   * Rec. 709 luma weights (ITU-R BT.709-6, item 3.2) on the gamma-encoded values, in units of 1/5000, in which they are
   * whole: the sum is exact. Half a unit more keeps every sum clear of the next whole level, so that multiplying, which is
   * faster than dividing, and dropping the fraction, which the typed array does, is exact rounding half up.
   */
  luminance({ samples: s, stride, green, blue }, start, end, out) {
    for (let i = 0, at = start * stride; i < end - start; i += 1, at += stride) {
      const sum = 1063 * (s[at] ?? 0) + 3576 * (s[at + green] ?? 0) + 361 * (s[at + blue] ?? 0);
      out[i] = (sum + 2500.5) * (1 / 5000);
    }
  },

  value({ samples: s, stride, green, blue }, start, end, out) {
    for (let i = 0, at = start * stride; i < end - start; i += 1, at += stride) {
      out[i] = Math.max(s[at] ?? 0, s[at + green] ?? 0, s[at + blue] ?? 0);
    }
  },

  /** Chroma over value, 0 to `top`, rounded half up in whole numbers. */
  saturation({ samples: s, stride, green, blue, top }, start, end, out) {
    for (let i = 0, at = start * stride; i < end - start; i += 1, at += stride) {
      const r = s[at] ?? 0;
      const g = s[at + green] ?? 0;
      const b = s[at + blue] ?? 0;
      const max = Math.max(r, g, b);
      const chroma = max - Math.min(r, g, b);
      // Black: 0 / 0 is NaN, which the typed array stores as 0.
      out[i] = (2 * top * chroma + max) / (2 * max);
    }
  },

  /** Hexcone hue (A. R. Smith, "Color gamut transform pairs", 1978) in degrees, rounded half up in whole numbers. */
  hue({ samples: s, stride, green, blue }, start, end, out) {
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
  },
};
