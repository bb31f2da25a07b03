import { levelsOf, type Raster } from './raster.ts';
import type { Channel } from './schemas.ts';

/** Hues are whole degrees. */
export const HUE_LEVELS = 360;

/** Marks pixels without a hue while counting; it is never part of a result. */
const NO_HUE = HUE_LEVELS;

/** Number of levels that a channel of this raster has: 256 or 65,536, or 360 for hue. */
export function channelLevels(raster: Pick<Raster, 'bitDepth'>, channel: Channel): number {
  return channel === 'hue' ? HUE_LEVELS : levelsOf(raster);
}

/** The band that holds the stored channel; null if the channel must be computed or does not exist. */
export function storedBand(raster: Pick<Raster, 'colorSpace' | 'alpha'>, channel: Channel): number | null {
  if (channel === 'alpha') return raster.alpha;
  if (raster.colorSpace === 'grey') return channel === 'grey' || channel === 'luminance' ? 0 : null;
  const band = ['red', 'green', 'blue'].indexOf(channel);
  return band < 0 ? null : band;
}

/** Writes a channel's levels of the pixels from `start` to before `end` to the beginning of `out`. */
type LevelReader = (start: number, end: number, out: Uint16Array) => void;

/** The place of each colour among a pixel's samples. */
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
 * A reader of a channel that the raster has or that can be computed from it. Grey has the HSV of equal red, green and
 * blue.
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

/** Each has its own loop, because a call for each pixel would take longer than the work. */
const COMPUTED: Partial<Record<Channel, BandReader>> = {
  /**
   * Rec. 709 luma weights (ITU-R BT.709-6, item 3.2) of the gamma-encoded values, as integers in units of 1/5000, so the
   * sum is exact. The half unit added keeps every sum clear of the next level, so that multiplying (faster than dividing)
   * and dropping the fraction (by the typed array) round half up exactly.
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

  /** Chroma over value, 0 to `top`, rounded half up in integers. */
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

  /** Hexcone hue (A. R. Smith, "Color gamut transform pairs", 1978) in degrees, rounded half up in integers. */
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
      // Adding 360 first keeps the number positive, so that dropping the fraction rounds down.
      const degrees = ((120 * sixths + 721 * chroma) / (2 * chroma)) | 0;
      out[i] = degrees >= HUE_LEVELS ? degrees - HUE_LEVELS : degrees;
    }
  },
};
