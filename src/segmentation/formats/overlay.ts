import { type Static, Type } from '@sinclair/typebox';
import { bytesContent, ObjectWithDefaults, StringEnum } from '../../core/schema.ts';
import { isEdge, type LabelMap } from '../labels/labels.ts';
import type { Picture } from '../labels/picture.ts';
import { defineDirectForm, defineForm, type FormDefinition } from './form.ts';

const OVERLAY_FORMATS = ['png', 'webp', 'jpeg'] as const;

const params = ObjectWithDefaults({
  opacity: Type.Number({
    minimum: 0,
    maximum: 1,
    default: 0.5,
    description: 'Opacity of the colours inside the segments.',
    examples: [0.3],
  }),
  outlines: Type.Boolean({
    default: true,
    description: 'Whether the edge pixels of segments are opaque.',
    examples: [false],
  }),
  format: StringEnum(OVERLAY_FORMATS, {
    default: 'png',
    description: 'Format of the picture.',
    examples: ['webp'],
  }),
});
type OverlayParams = Static<typeof params>;

const definition: FormDefinition<'overlay', typeof params> = {
  name: 'overlay',
  id: 'Overlay',
  title: 'Overlay',
  description: 'The picture with its segments in colour.',
  version: 2,
  params,
  example: { format: 'webp' },
  needsPicture: true,
  suffix: ({ format }) => `-overlay.${format === 'jpeg' ? 'jpg' : format}`,
  mediaType: ({ format }) => `image/${format}`,
  bytes: {
    description: 'The overlay.',
    content: bytesContent(...OVERLAY_FORMATS.map((format) => `image/${format}`)),
  },
  render: async ({ picture, labels }, { format, ...options }) =>
    encodeOverlay(await picture(), await labels(), options, format),
};

export const directOverlay = defineDirectForm(definition);

export const overlayForm = defineForm(definition, directOverlay);

type OverlayOptions = Pick<OverlayParams, 'opacity' | 'outlines'>;

/** Hues of consecutive labels are a golden angle apart, so that neighbours differ however many labels there are. */
const GOLDEN_ANGLE = 180 * (3 - Math.sqrt(5));

/** A label's colour, 8-bit sRGB. */
export function labelColor(label: number): [number, number, number] {
  const hue = (label * GOLDEN_ANGLE) % 360;
  // Brightness varies, too, because hues of labels 89 apart are nearly equal.
  const value = [255, 205, 230][label % 3] ?? 255;
  const channel = (n: number) => {
    const k = (n + hue / 60) % 6;
    return Math.round(value * (1 - 0.85 * Math.max(0, Math.min(k, 4 - k, 1))));
  };
  return [channel(5), channel(3), channel(1)];
}

/**
 * The picture with its segments in colour.
 *
 * @returns three channels of colour; alpha is unchanged
 */
export function renderOverlay(
  picture: Picture,
  labels: LabelMap,
  { opacity, outlines }: OverlayOptions,
): Picture {
  const { width, height, channels, data } = picture;
  const step = channels < 3 ? 0 : 1;
  const outChannels = channels % 2 === 0 ? 4 : 3;
  const out = new Uint8Array(width * height * outChannels);
  const colors = new Map<number, readonly number[]>();
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const label = labels.data[i] as number;
      const from = i * channels;
      const to = i * outChannels;
      let share = 0;
      let color = colors.get(label);
      if (label !== 0) {
        if (color === undefined) {
          color = labelColor(label);
          colors.set(label, color);
        }
        share = outlines && isEdge(labels, x, y, i) ? 1 : opacity;
      }
      for (let c = 0; c < 3; c++) {
        const own = data[from + c * step] as number;
        out[to + c] = own + share * ((color?.[c] ?? own) - own) + 0.5;
      }
      if (outChannels === 4) out[to + 3] = data[from + channels - 1] as number;
    }
  }
  return { width, height, channels: outChannels, data: out };
}

/** The overlay, encoded; JPEG shows transparent pixels on white. */
export async function encodeOverlay(
  picture: Picture,
  labels: LabelMap,
  options: OverlayOptions,
  format: OverlayParams['format'],
): Promise<Buffer> {
  const overlay = renderOverlay(picture, labels, options);
  const { default: sharp } = await import('sharp');
  const image = sharp(overlay.data, { raw: overlay, limitInputPixels: false });
  if (format === 'jpeg') image.flatten({ background: '#ffffff' });
  return image.toFormat(format).toBuffer();
}
