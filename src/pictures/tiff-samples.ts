import type { ReadAt } from './read-at.ts';
import { type TiffDirectory, type TiffEntry, TiffReader } from './tiff.ts';

/** Tags of TIFF 6.0. */
const TAGS = {
  bitsPerSample: 258,
  compression: 259,
  photometric: 262,
  samplesPerPixel: 277,
  planarConfiguration: 284,
  predictor: 317,
  extraSamples: 338,
  sampleFormat: 339,
  minimum: 340,
  maximum: 341,
  yCbCrCoefficients: 529,
  yCbCrSubsampling: 530,
  referenceBlackWhite: 532,
};

/** Photometric interpretations. */
const WHITE_IS_ZERO = 0;
const BLACK_IS_ZERO = 1;
const RGB = 2;
const CMYK = 5;
const YCBCR = 6;
const CIELAB = 8;
const ICCLAB = 9;
/** Value of `Predictor` for floating-point numbers. */
const FLOAT_PREDICTOR = 3;

/** The one of camera raw, for which libvips gives all samples as they are. */
const COLOR_FILTER_ARRAY = 32_803;

const JPEG_COMPRESSIONS = [6, 7];

/** The type of numbers of 16 bits. */
const SHORT = 3;

/** Values of `SampleFormat`. */
const UNSIGNED = 1;
const SIGNED = 2;
const FLOAT = 3;
const SAMPLE_FORMATS: Readonly<Record<number, string>> = {
  1: 'unsigned integers',
  2: 'signed integers',
  3: 'floating-point numbers',
  5: 'complex integers',
  6: 'complex numbers',
};

/** sharp refuses more. */
const MAX_CHANNELS = 5;

type ColorModel = 'grey' | 'inverted grey' | 'rgb' | 'lab' | 'icclab' | 'ycbcr';

/** Colours that libvips shows as they are meant. */
const NATIVE_MODELS: readonly ColorModel[] = ['grey', 'inverted grey', 'rgb'];

/** How the samples of a TIFF become 8-bit sRGB, if libvips does not do that as the file says. */
export interface TiffSamples {
  bits: 8 | 16 | 32;
  format: 'uint' | 'int' | 'float';
  model: ColorModel;
  /** Samples of a pixel. */
  channels: number;
  /** Index of the sample with the alpha channel. */
  alpha: number | undefined;
  /** Whether the colours are multiplied by alpha. */
  isPremultiplied: boolean;
  /** The samples that are shown as black and white; undefined if they are those of 8 or 16 unsigned bits. */
  range: { low: number; high: number; isStated: boolean } | undefined;
  /** Of red and blue in luma, and black and white of the three samples, for `ycbcr`. */
  yCbCr: { red: number; blue: number; reference: number[] };
}

/** The tags that describe samples, with the defaults of TIFF 6.0. */
interface SampleTags {
  bits: number;
  /** Of each sample of a pixel. */
  bitsOfAll: number[];
  compression: number;
  photometric: number;
  channels: number;
  isPlanar: boolean;
  predictor: number;
  /** Meanings of the samples after the colours: 1 and 2 are alpha, 1 multiplied into the colours. */
  extras: number[];
  format: number;
  minimum: number;
  maximum: number;
  coefficients: number[];
  subsampling: number[];
  reference: number[];
}

function readTags(readAt: ReadAt, { entries }: TiffDirectory): SampleTags {
  const tiff = new TiffReader(readAt);
  const valuesOf = (tag: number) => {
    const entry = entries.find((candidate) => candidate.tag === tag);
    return entry === undefined ? [] : numbersOf(tiff, entry);
  };
  const firstOf = (tag: number, missing: number) => valuesOf(tag)[0] ?? missing;
  const bitsOfAll = valuesOf(TAGS.bitsPerSample);
  const format = firstOf(TAGS.sampleFormat, UNSIGNED);
  return {
    bits: bitsOfAll[0] ?? 1,
    bitsOfAll,
    compression: firstOf(TAGS.compression, 1),
    photometric: firstOf(TAGS.photometric, BLACK_IS_ZERO),
    channels: firstOf(TAGS.samplesPerPixel, 1),
    isPlanar: firstOf(TAGS.planarConfiguration, 1) === 2,
    predictor: firstOf(TAGS.predictor, 1),
    extras: valuesOf(TAGS.extraSamples),
    // Undefined data (4) are read as unsigned, as all decoders do.
    format: format in SAMPLE_FORMATS ? format : UNSIGNED,
    minimum: firstOf(TAGS.minimum, Number.NaN),
    maximum: firstOf(TAGS.maximum, Number.NaN),
    coefficients: valuesOf(TAGS.yCbCrCoefficients),
    subsampling: valuesOf(TAGS.yCbCrSubsampling),
    reference: valuesOf(TAGS.referenceBlackWhite),
  };
}

/**
 * What a TIFF page says about its samples; undefined if libvips shows them as they are meant.
 *
 * @throws Error for samples and colours that are not read
 */
export function readTiffSamples(readAt: ReadAt, directory: TiffDirectory): TiffSamples | undefined {
  const tags = readTags(readAt, directory);
  // Their samples have 8 bits, and libjpeg converts their colours.
  if (JPEG_COMPRESSIONS.includes(tags.compression)) return undefined;
  checkSamples(tags);
  const { bits, channels, extras, format } = tags;
  const isPlain = format === UNSIGNED && bits <= 16;
  const model = modelOf(tags.photometric);
  // libvips itself writes CIELAB in this way, and reads it.
  if (model === 'lab' && format === FLOAT && bits === 32) return undefined;
  const isScaled = model === 'grey' || model === 'inverted grey' || model === 'rgb';
  if (!isPlain && !isScaled)
    throw new Error(`its samples are ${nameOf(tags)}, which are read only in grey and RGB`);
  if (model === undefined) return undefined;

  const colors = model === 'grey' || model === 'inverted grey' ? 1 : 3;
  if (channels < colors || channels > MAX_CHANNELS) {
    throw new Error(`it has ${channels} samples for each pixel; ${colors} to ${MAX_CHANNELS} are read`);
  }
  if (model === 'ycbcr') checkSubsampling(tags.subsampling);
  const alphaAt = channels === colors + 1 ? 0 : extras.findIndex((meaning) => meaning === 1 || meaning === 2);
  const alpha = channels > colors && alphaAt >= 0 ? colors + alphaAt : undefined;
  if (isPlain && isShown(model, tags, colors, alpha)) return undefined;
  const { coefficients, reference } = tags;
  const kind = format === FLOAT ? 'float' : format === UNSIGNED ? 'uint' : 'int';
  return {
    bits: bits as 8 | 16 | 32,
    format: kind,
    model,
    channels,
    alpha,
    isPremultiplied: extras[alphaAt] === 1,
    range: isPlain ? undefined : rangeOf(kind, tags),
    yCbCr: {
      red: coefficients[0] ?? 0.299,
      blue: coefficients[2] ?? 0.114,
      reference: reference.length === 6 ? reference : [0, 255, 128, 255, 128, 255],
    },
  };
}

/** Refuses samples that cannot be read at all. */
function checkSamples(tags: SampleTags): void {
  const { bits, bitsOfAll, format, predictor } = tags;
  if (bitsOfAll.some((other) => other !== bits)) {
    throw new Error(`its samples have different sizes (${bitsOfAll.join(', ')} bits), which are not read`);
  }
  const known = { [UNSIGNED]: [1, 2, 4, 8, 16, 32], [SIGNED]: [8, 16, 32], [FLOAT]: [16, 32] }[format] ?? [];
  if (!known.includes(bits)) {
    throw new Error(
      `its samples are ${nameOf(tags)}; integers of 8, 16 and 32 bits, unsigned ones of 1, 2 and 4, and floating-point numbers of 16 and 32 bits are read`,
    );
  }
  if (format === FLOAT && bits === 16 && predictor === FLOAT_PREDICTOR) {
    throw new Error('its samples are floating-point numbers of 16 bits with a predictor, which are not read');
  }
}

function nameOf({ format, bits }: SampleTags): string {
  return `${SAMPLE_FORMATS[format]} of ${bits} bits`;
}

/** Whether libvips shows unsigned samples of up to 16 bits as they are meant. */
function isShown(
  model: ColorModel,
  { bits, channels, isPlanar }: SampleTags,
  colors: number,
  alpha: number | undefined,
): boolean {
  if (bits < 8) return true;
  if (!NATIVE_MODELS.includes(model)) return false;
  // libvips takes the first extra sample for alpha, and further ones for bands, which are left out. It mixes up the planes of grey
  // and alpha.
  const hasPlainExtras = channels <= colors + 1 || (alpha === undefined && colors === 3);
  return hasPlainExtras && !(isPlanar && colors === 1 && channels > 1);
}

function modelOf(photometric: number): ColorModel | undefined {
  switch (photometric) {
    case WHITE_IS_ZERO:
      return 'inverted grey';
    case BLACK_IS_ZERO:
      return 'grey';
    case RGB:
      return 'rgb';
    case YCBCR:
      return 'ycbcr';
    case CIELAB:
      return 'lab';
    case ICCLAB:
      return 'icclab';
    case 3:
    case 4:
    case CMYK:
      return undefined;
    default:
      throw new Error(
        `its colours (PhotometricInterpretation ${photometric}) are not read; grey, RGB, palettes, CMYK, YCbCr and CIELAB are`,
      );
  }
}

function checkSubsampling([horizontal = 2, vertical = 2]: number[]): void {
  if (horizontal !== 1 || vertical !== 1) {
    throw new Error('its YCbCr colours are subsampled, which is read only with JPEG compression');
  }
}

/** The range that the tags state, otherwise that of the type: from 0 to 1 for floating-point numbers. */
function rangeOf(
  format: TiffSamples['format'],
  { bits, minimum: low, maximum: high }: SampleTags,
): NonNullable<TiffSamples['range']> {
  if (Number.isFinite(low) && Number.isFinite(high) && low < high) return { low, high, isStated: true };
  if (format === 'float') return { low: 0, high: 1, isStated: false };
  const half = 2 ** (bits - 1);
  return format === 'int'
    ? { low: -half, high: half - 1, isStated: false }
    : { low: 0, high: 2 * half - 1, isStated: false };
}

/** Values that are read of an entry. */
const MAX_VALUES = 32;

/** The first values of an entry, of any type of number. */
function numbersOf(tiff: TiffReader, entry: TiffEntry): number[] {
  const size = entry.count === 0 ? 0 : entry.length / entry.count;
  const bytes = tiff.valuesOf(entry, size * MAX_VALUES);
  const count = size === 0 ? 0 : Math.floor(bytes.length / size);
  return Array.from({ length: count }, (_, index) => tiff.number(bytes, index * size, entry.type));
}

/**
 * Changes a page's directory so that libvips gives its samples as they are: all of them, unsigned if they have up to 16 bits.
 *
 * @param bytes the file, which is changed
 * @returns what undoes the changes
 */
export function makeSamplesPlain(
  bytes: Buffer,
  { entries }: TiffDirectory,
  { bits }: TiffSamples,
): () => void {
  const tiff = new TiffReader((offset, length) => bytes.subarray(offset, offset + length));
  const undo: (() => void)[] = [];
  const fill = (tag: number, value: number) => {
    const entry = entries.find((candidate) => candidate.tag === tag);
    if (entry?.type !== SHORT) return;
    const values = bytes.subarray(entry.offset, entry.offset + entry.length);
    const before = Buffer.from(values);
    undo.push(() => values.set(before));
    for (let at = 0; at + 2 <= values.length; at += 2) tiff.writeShort(values, at, value);
  };
  fill(TAGS.photometric, COLOR_FILTER_ARRAY);
  fill(TAGS.extraSamples, 0);
  if (bits <= 16) fill(TAGS.sampleFormat, UNSIGNED);
  return () => {
    for (const step of undo.reverse()) step();
  };
}
