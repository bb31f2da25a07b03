import { labOfRgb } from '../color-science.ts';
import { alphaChannel, type Picture } from '../picture.ts';
import type { CHANNELS } from '../schemas.ts';

export type Channel = (typeof CHANNELS)[number];

/**
 * One 8-bit plane (H×W, row-major) of a picture; see the `channel` parameter for the definitions. A one-channel
 * picture stands for its own red, green, blue, value and luminance, and is returned without a copy where it can be.
 */
export function extractPlane(picture: Picture, channel: Channel): Uint8Array {
  const { channels } = picture;
  switch (channel) {
    case 'luminance':
      return channels < 3 ? band(picture, 0) : luminance(picture);
    case 'red':
      return band(picture, 0);
    case 'green':
      return band(picture, channels < 3 ? 0 : 1);
    case 'blue':
      return band(picture, channels < 3 ? 0 : 2);
    case 'alpha': {
      const alpha = alphaChannel(picture);
      return alpha < 0 ? new Uint8Array(picture.width * picture.height).fill(255) : band(picture, alpha);
    }
    default:
      return mapColors(picture, COLOR_FUNCTIONS[channel]);
  }
}

/** Pixels (1) whose alpha is 0, which have no colour to be seen; null where there is none. */
export function transparentPixels({ width, height, channels, data }: Picture): Uint8Array | null {
  if (channels % 2 === 1) return null;
  let hidden: Uint8Array | null = null;
  for (let i = 0, j = channels - 1; j < data.length; i++, j += channels) {
    if (data[j] === 0) {
      hidden ??= new Uint8Array(width * height);
      hidden[i] = 1;
    }
  }
  return hidden;
}

/** How many pixels have each level of a plane, those of `hidden` left out. */
export function countLevels(plane: Uint8Array, hidden: Uint8Array | null): Uint32Array {
  const counts = new Uint32Array(256);
  if (hidden === null) {
    for (let i = 0; i < plane.length; i++) {
      const level = plane[i] as number;
      counts[level] = (counts[level] as number) + 1;
    }
    return counts;
  }
  for (let i = 0; i < plane.length; i++) {
    if (hidden[i] !== 0) continue;
    const level = plane[i] as number;
    counts[level] = (counts[level] as number) + 1;
  }
  return counts;
}

function band({ width, height, channels, data }: Picture, index: number): Uint8Array {
  if (channels === 1) return data;
  const plane = new Uint8Array(width * height);
  for (let i = 0, j = index; i < plane.length; i++, j += channels) plane[i] = data[j] as number;
  return plane;
}

function luminance({ width, height, channels, data }: Picture): Uint8Array {
  const plane = new Uint8Array(width * height);
  for (let i = 0, j = 0; i < plane.length; i++, j += channels) {
    // 0.2126, 0.7152 and 0.0722 in 16 bits; they add up to 65,536, so that greys keep their level.
    plane[i] =
      (13933 * (data[j] as number) +
        46871 * (data[j + 1] as number) +
        4732 * (data[j + 2] as number) +
        32768) >>
      16;
  }
  return plane;
}

type ColorFunction = (red: number, green: number, blue: number) => number;

const COLOR_FUNCTIONS: Record<
  Exclude<Channel, 'luminance' | 'red' | 'green' | 'blue' | 'alpha'>,
  ColorFunction
> = {
  hue(red, green, blue) {
    const max = Math.max(red, green, blue);
    const range = max - Math.min(red, green, blue);
    if (range === 0) return 0;
    const sextant =
      max === red
        ? (green - blue) / range
        : max === green
          ? 2 + (blue - red) / range
          : 4 + (red - green) / range;
    return (((sextant + 6) % 6) / 6) * 255;
  },
  saturation(red, green, blue) {
    const max = Math.max(red, green, blue);
    return max === 0 ? 0 : (255 * (max - Math.min(red, green, blue))) / max;
  },
  value: (red, green, blue) => Math.max(red, green, blue),
  lightness: (red, green, blue) => labOfRgb(red, green, blue)[0] * 2.55,
  a: (red, green, blue) => labOfRgb(red, green, blue)[1] + 128,
  b: (red, green, blue) => labOfRgb(red, green, blue)[2] + 128,
};

function mapColors({ width, height, channels, data }: Picture, level: ColorFunction): Uint8Array {
  const plane = new Uint8ClampedArray(width * height);
  const second = channels < 3 ? 0 : 1;
  const third = channels < 3 ? 0 : 2;
  for (let i = 0, j = 0; i < plane.length; i++, j += channels) {
    // A clamped array rounds by itself.
    plane[i] = level(data[j] as number, data[j + second] as number, data[j + third] as number);
  }
  return new Uint8Array(plane.buffer);
}
