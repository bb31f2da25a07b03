import { StringEnum } from '../../core/schema.ts';
import { alphaChannel, colorChannels, type Picture } from '../labels/picture.ts';
import { labOfRgb } from './color-science.ts';

/** The 8-bit planes that can be made from a picture. */
export const CHANNELS = [
  'luminance',
  'red',
  'green',
  'blue',
  'alpha',
  'hue',
  'saturation',
  'value',
  'lightness',
  'a',
  'b',
] as const;
export type Channel = (typeof CHANNELS)[number];

/** The parameter of the methods that work on one plane. */
export const channel = StringEnum(CHANNELS, {
  description:
    'The plane that is segmented, 0 to 255. luminance: Rec. 709 weights (0.2126, 0.7152, 0.0722) of the sRGB values, or the grey of a grey picture; hue: 0° to 360° scaled to 0 to 255; lightness, a, b: CIELAB (D65), L* times 2.55, a* and b* plus 128.',
  default: 'luminance',
});

/**
 * One 8-bit plane (H×W, row-major) of a picture, as the `channel` parameter defines it. The red, green, blue and
 * luminance of a grey picture are its grey. The plane may be the picture's own memory.
 */
export function extractPlane(picture: Picture, channel: Channel): Uint8Array {
  const isGrey = colorChannels(picture) === 1;
  switch (channel) {
    case 'luminance':
      return isGrey ? band(picture, 0) : luminance(picture);
    case 'red':
      return band(picture, 0);
    case 'green':
      return band(picture, isGrey ? 0 : 1);
    case 'blue':
      return band(picture, isGrey ? 0 : 2);
    case 'alpha': {
      const alpha = alphaChannel(picture);
      return alpha < 0 ? new Uint8Array(picture.width * picture.height).fill(255) : band(picture, alpha);
    }
    default:
      return mapColors(picture, COLOR_FUNCTIONS[channel]);
  }
}

/** Number of pixels at each level of a plane, without the hidden ones. */
export function countLevels(plane: Uint8Array, hidden: Uint8Array | null): Uint32Array {
  const counts = new Uint32Array(256);
  let i = 0;
  if (hidden === null) {
    // Neighbours often have the same level. In two tables they do not wait for each other, which takes less than half of the time.
    const others = new Uint32Array(256);
    for (; i + 1 < plane.length; i += 2) {
      const [level, next] = [plane[i] as number, plane[i + 1] as number];
      counts[level] = (counts[level] as number) + 1;
      others[next] = (others[next] as number) + 1;
    }
    others.forEach((count, level) => {
      counts[level] = (counts[level] as number) + count;
    });
  }
  for (; i < plane.length; i++) {
    if (hidden !== null && hidden[i] !== 0) continue;
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
    // 0.2126, 0.7152 and 0.0722 in 16 bits; they add up to 65,536, so greys keep their level.
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
  const step = channels < 3 ? 0 : 1;
  for (let i = 0, j = 0; i < plane.length; i++, j += channels) {
    // A clamped array rounds.
    plane[i] = level(data[j] as number, data[j + step] as number, data[j + 2 * step] as number);
  }
  return new Uint8Array(plane.buffer);
}
