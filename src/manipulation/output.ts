import { type Static, Type } from '@sinclair/typebox';
import { canonicalColor } from '../core/color.ts';
import { ObjectWithDefaults, StringEnum } from '../core/schema.ts';
import { FORMATS, IMAGE_FORMATS, type ImageFormat } from '../pictures/formats.ts';
import { OpaqueColor } from './operations/color.ts';
import type { Report } from './operations/operation.ts';

const OutputOptions = Type.Object({
  format: StringEnum([...IMAGE_FORMATS, 'auto'], {
    description:
      "Format of the result. Default: the input's. `auto` chooses WebP or AVIF if `Accept` names them, otherwise the input's.",
    examples: ['webp'],
  }),
  quality: Type.Integer({
    description:
      'Quality from 1 to 100: JPEG (default 80), WebP (80) and AVIF (50) unless lossless, PNG with `palette` (100), TIFF with compression `jpeg` (80).',
    minimum: 1,
    maximum: 100,
    examples: [80],
  }),
  lossless: Type.Boolean({ description: 'Keep every pixel: WebP, AVIF. Default: false.', examples: [false] }),
  effort: Type.Integer({
    description:
      'CPU time spent for a smaller file: WebP 0–6 (default 4), AVIF 0–9 (4), GIF 1–10 (7), PNG with `palette` 1–10 (7).',
    minimum: 0,
    maximum: 10,
    examples: [4],
  }),
  progressive: Type.Boolean({
    description: 'Show a coarse version of the whole picture first: JPEG, PNG, GIF. Default: false.',
    examples: [true],
  }),
  mozjpeg: Type.Boolean({
    description: 'JPEG: smaller progressive files for three to four times the CPU time. Default: false.',
    examples: [false],
  }),
  chroma_subsampling: StringEnum(['4:2:0', '4:4:4'], {
    description: 'Resolution of the colours: JPEG (default `4:2:0`), AVIF unless lossless (`4:4:4`).',
    examples: ['4:4:4'],
  }),
  compression_level: Type.Integer({
    description: 'PNG: zlib level from 0 (none) to 9 (smallest). Default: 6.',
    minimum: 0,
    maximum: 9,
    examples: [9],
  }),
  compression: StringEnum(['none', 'lzw', 'deflate', 'packbits', 'jpeg'], {
    description: 'TIFF: compression. Default: `lzw`.',
    examples: ['deflate'],
  }),
  palette: Type.Boolean({
    description: 'PNG: reduce the colours to a palette of `colors`. Default: false.',
    examples: [true],
  }),
  colors: Type.Integer({
    description: 'Maximum colours of a palette: GIF, PNG with `palette`. Default: 256.',
    minimum: 2,
    maximum: 256,
    examples: [64],
  }),
  dither: Type.Number({
    description: 'Strength of error diffusion, 0 to 1: GIF, PNG with `palette`. Default: 1.',
    minimum: 0,
    maximum: 1,
    examples: [0.5],
  }),
  matte: OpaqueColor(
    'Colour behind transparent parts if the format has no alpha: JPEG, TIFF with compression `jpeg`. Default: `#ffffff`.',
  ),
  keep_metadata: Type.Boolean({
    description: 'Keep EXIF (with GPS) and XMP; TIFF keeps only XMP. Default: false. Not for GIF.',
    examples: [false],
  }),
  color_profile: StringEnum(['srgb', 'keep'], {
    description:
      '`srgb` converts colours to sRGB (the default). `keep` leaves the values of an RGB picture as they are and embeds its profile; pictures that are not RGB are converted. Not for GIF.',
    examples: ['srgb'],
  }),
});

/** How a result is encoded. `optionDefaults` says which options a format takes, and their defaults. */
export const OUTPUT_PROPERTIES = Type.Partial(OutputOptions).properties;

export const OutputSchema = ObjectWithDefaults(OUTPUT_PROPERTIES, {
  $id: 'PipelineOutput',
  title: 'Output',
  description:
    'How the result is encoded. An option that the format does not support is refused, unless `strict` is false. Results have 8 bits per channel.',
});

/** Whether options that the format does not take are refused. It belongs to a request and not to the work. */
export const StrictSchema = Type.Optional(
  Type.Boolean({
    description:
      'Whether an option of the output that its format does not take is refused. With `false` it is dropped, and the answer names it (`X-Ignored-Parameters`, `ignored`), so that one request suits pictures of several formats. Default: true.',
    examples: [false],
  }),
);

/** Encoding options as a client gives them. */
export type OutputRequest = Static<typeof OutputSchema>;

/** Encoding options with the format resolved, and with exactly the options that it takes filled in. */
export type Output = Omit<OutputRequest, 'format' | 'keep_metadata' | 'color_profile'> & {
  format: ImageFormat;
  keep_metadata: boolean;
  color_profile: 'srgb' | 'keep';
};

type Option = Exclude<keyof OutputRequest, 'format'>;

const PALETTE_DEFAULTS = { quality: 100, effort: 7, colors: 256, dither: 1 } as const;

/** The options that a format takes, given the others, with their defaults. */
function optionDefaults(format: ImageFormat, given: OutputRequest): Omit<OutputRequest, 'format'> {
  const lossless = given.lossless ?? false;
  const metadata = { keep_metadata: false, color_profile: 'srgb' } as const;
  switch (format) {
    case 'jpeg': {
      const mozjpeg = given.mozjpeg ?? false;
      return {
        quality: 80,
        mozjpeg,
        ...(mozjpeg ? {} : { progressive: false }),
        chroma_subsampling: '4:2:0',
        matte: '#ffffff',
        ...metadata,
      };
    }
    case 'png': {
      const palette = given.palette ?? false;
      return {
        compression_level: 6,
        progressive: false,
        palette,
        ...(palette ? PALETTE_DEFAULTS : {}),
        ...metadata,
      };
    }
    case 'webp':
      return { lossless, effort: 4, ...(lossless ? {} : { quality: 80 }), ...metadata };
    case 'gif':
      return { effort: 7, colors: 256, dither: 1, progressive: false };
    case 'tiff':
      return {
        compression: 'lzw',
        ...(given.compression === 'jpeg' ? { quality: 80, matte: '#ffffff' } : {}),
        ...metadata,
      };
    case 'avif':
      return {
        lossless,
        effort: 4,
        ...(lossless ? {} : { quality: 50, chroma_subsampling: '4:4:4' }),
        ...metadata,
      };
  }
}

const EFFORTS: Partial<Record<ImageFormat, readonly [number, number]>> = {
  png: [1, 10],
  webp: [0, 6],
  gif: [1, 10],
  avif: [0, 9],
};

/** What is expected of an option that another one excludes; undefined if the format never takes it. */
const CONDITIONS: Partial<Record<ImageFormat, Partial<Record<Option, string>>>> = {
  jpeg: { progressive: 'nothing, because mozjpeg=true is always progressive,' },
  png: {
    quality: 'nothing, because PNG without palette=true is lossless,',
    effort: 'nothing, because palette is not true (compression_level sets the time spent),',
    colors: 'nothing, because palette is not true,',
    dither: 'nothing, because palette is not true,',
  },
  webp: { quality: 'nothing, because lossless is true,' },
  tiff: {
    quality: 'nothing, because compression is not jpeg,',
    matte: 'nothing, because compressions other than jpeg keep transparency,',
  },
  avif: {
    quality: 'nothing, because lossless is true,',
    chroma_subsampling: 'nothing, because lossless is true,',
  },
};

/**
 * The canonical options of a format.
 *
 * @param report told the options that have a wrong value or that the format does not take
 * @param ignore told the options that the format does not take instead, if they are to be dropped
 */
export function resolveOutput(
  given: OutputRequest,
  format: ImageFormat,
  report: Report,
  ignore?: (option: string) => void,
): Output {
  const defaults = optionDefaults(format, given);
  const { format: _requested, ...options } = given;
  for (const option of Object.keys(options) as Option[]) {
    const value = options[option];
    // Switching off what a format cannot do is not a fault, and changes nothing.
    const isOff = value === undefined || value === false || value === 'srgb';
    if (option in defaults || isOff) continue;
    if (ignore) ignore(option);
    else report(option, expectedWithout(option, format), value);
  }
  const range = EFFORTS[format];
  if (given.effort !== undefined && 'effort' in defaults && range !== undefined) {
    const [least, most] = range;
    if (given.effort < least || given.effort > most) {
      report('effort', `an integer from ${least} to ${most} with format=${format}`, given.effort);
    }
  }
  const taken = Object.fromEntries(
    Object.entries(options).filter(([option, value]) => option in defaults && value !== undefined),
  );
  const output: Output = { keep_metadata: false, color_profile: 'srgb', ...defaults, ...taken, format };
  if (output.matte !== undefined) output.matte = canonicalColor(output.matte);
  return output;
}

/** What is expected of an option that the format does not take, at least with the other options. */
function expectedWithout(option: Option, format: ImageFormat): string {
  const condition = CONDITIONS[format]?.[option];
  if (condition !== undefined) return condition;
  const takers = IMAGE_FORMATS.filter((candidate) => option in optionDefaults(candidate, {}));
  return `nothing with format=${format} (only with ${takers.join(', ')})`;
}

/** Whether the encoded picture can hold an alpha channel. */
export function holdsAlpha(output: Output): boolean {
  return FORMATS[output.format].alpha && output.matte === undefined;
}
