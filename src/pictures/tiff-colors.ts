import type { TiffSamples } from './tiff-samples.ts';

/** Samples as libvips gives them, pages and rows one below the other, interleaved. */
export type Samples = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float32Array;

/**
 * The samples of a TIFF as 8-bit sRGB with or without alpha: H×W×3 or 4.
 *
 * @throws Error if floating-point numbers are outside of 0 to 1, and no range is stated
 */
export function toDisplayedColors(samples: Samples, description: TiffSamples): Buffer {
  const { channels, alpha, isPremultiplied, model } = description;
  const toLevel = levelsOf(samples, description);
  const width = alpha === undefined ? 3 : 4;
  const count = Math.floor(samples.length / channels);
  const out = Buffer.allocUnsafe(count * width);
  const convert = CONVERSIONS[model](description);
  // CIELAB is not rounded to levels first.
  const toNumber = model === 'lab' || model === 'icclab' ? (sample: number) => sample : toLevel;
  for (let pixel = 0, from = 0, to = 0; pixel < count; pixel += 1, from += channels, to += width) {
    const first = toNumber(samples[from] ?? 0);
    if (model === 'grey' || model === 'inverted grey') {
      out[to] = out[to + 1] = out[to + 2] = model === 'grey' ? first : 255 - first;
    } else {
      convert(first, toNumber(samples[from + 1] ?? 0), toNumber(samples[from + 2] ?? 0), out, to);
    }
    if (alpha === undefined) continue;
    const opacity = toLevel(samples[from + alpha] ?? 0);
    out[to + 3] = opacity;
    if (isPremultiplied && opacity > 0) {
      for (let band = to; band < to + 3; band += 1) {
        out[band] = Math.min(255, Math.round(((out[band] ?? 0) * 255) / opacity));
      }
    }
  }
  return out;
}

/** From a sample to a level of 0 to 255. */
function levelsOf(samples: Samples, { bits, format, range }: TiffSamples): (sample: number) => number {
  if (range === undefined) return bits === 8 ? (sample) => sample : (sample) => sample >> 8;
  const { low, high, isStated } = range;
  const scale = 255 / (high - low);
  // NaN, which marks missing values, is shown as the lower end.
  const toLevel = (value: number) => (value > low ? Math.min(255, Math.round((value - low) * scale)) : 0);
  if (bits === 32) {
    if (format === 'float' && !isStated) checkUnitRange(samples);
    return toLevel;
  }
  const numberOf =
    format === 'float' ? halfFloat : (sample: number) => (sample << (32 - bits)) >> (32 - bits);
  const values = Array.from({ length: 2 ** bits }, (_, sample) => numberOf(sample));
  if (format === 'float' && !isStated) checkUnitRange(samples, values);
  const table = Uint8Array.from(values, toLevel);
  return (sample) => table[sample] ?? 0;
}

/** How far floating-point numbers may be outside of 0 to 1 for their rounding. */
const TOLERANCE = 1e-3;

function checkUnitRange(samples: Samples, values?: readonly number[]): void {
  let lowest = 0;
  let highest = 0;
  for (const sample of samples) {
    const value = values === undefined ? sample : (values[sample] ?? 0);
    if (value < lowest) lowest = value;
    if (value > highest) highest = value;
  }
  if (lowest >= -TOLERANCE && highest <= 1 + TOLERANCE) return;
  const shown = [lowest, highest].map((value) => Number(value.toPrecision(6))).join(' to ');
  throw new Error(
    `its samples are floating-point numbers from ${shown}, and its tags SMinSampleValue and SMaxSampleValue do not say which of them are black and white; without these tags, numbers from 0 to 1 are read`,
  );
}

/** IEEE 754 binary16. */
function halfFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Writes red, green and blue for three levels, or three samples of CIELAB. */
type Convert = (a: number, b: number, c: number, out: Buffer, at: number) => void;

const CONVERSIONS: Record<TiffSamples['model'], (description: TiffSamples) => Convert> = {
  grey: () => copy,
  'inverted grey': () => copy,
  rgb: () => copy,
  lab: labConversion,
  icclab: labConversion,
  ycbcr: yCbCrConversion,
};

function copy(a: number, b: number, c: number, out: Buffer, at: number): void {
  out[at] = a;
  out[at + 1] = b;
  out[at + 2] = c;
}

/** TIFF 6.0, section 21. */
function yCbCrConversion({ yCbCr: { red, blue, reference } }: TiffSamples): Convert {
  const [blackY = 0, whiteY = 255, blackCb = 128, whiteCb = 255, blackCr = 128, whiteCr = 255] = reference;
  const green = 1 - red - blue;
  return (codeY, codeCb, codeCr, out, at) => {
    const y = ((codeY - blackY) * 255) / (whiteY - blackY || 1);
    const cb = ((codeCb - blackCb) * 127) / (whiteCb - blackCb || 1);
    const cr = ((codeCr - blackCr) * 127) / (whiteCr - blackCr || 1);
    const r = cr * (2 - 2 * red) + y;
    const b = cb * (2 - 2 * blue) + y;
    const g = (y - blue * b - red * r) / (green || 1);
    copy(toByte(r), toByte(g), toByte(b), out, at);
  };
}

function toByte(value: number): number {
  return value > 0 ? Math.min(255, Math.round(value)) : 0;
}

/** Linear light to sRGB (IEC 61966-2-1), in 1/4096. */
const GAMMA_STEPS = 4096;
const GAMMA = Uint8Array.from({ length: GAMMA_STEPS + 1 }, (_, step) => {
  const light = step / GAMMA_STEPS;
  return Math.round(255 * (light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055));
});

/** Signed a and b (TIFF 6.0, section 23), or with 128 added (Adobe Photoshop TIFF Technical Notes). */
function labConversion({ model, bits }: TiffSamples): Convert {
  const lightest = 2 ** bits - 1;
  const unit = 2 ** (bits - 8);
  const toColor =
    model === 'lab'
      ? (sample: number) => ((sample << (32 - bits)) >> (32 - bits)) / unit
      : (sample: number) => sample / unit - 128;
  return (l, a, b, out, at) => writeLab((l * 100) / lightest, toColor(a), toColor(b), out, at);
}

/** CIELAB with the white D50 to sRGB, by the matrix of sRGB that is adapted to D50 (Bradford). */
function writeLab(l: number, a: number, b: number, out: Buffer, at: number): void {
  const fy = (l + 16) / 116;
  const x = 0.9642 * unpack(fy + a / 500);
  const y = unpack(fy);
  const z = 0.8249 * unpack(fy - b / 200);
  out[at] = toGamma(3.1338561 * x - 1.6168667 * y - 0.4906146 * z);
  out[at + 1] = toGamma(-0.9787684 * x + 1.9161415 * y + 0.033454 * z);
  out[at + 2] = toGamma(0.0719453 * x - 0.2289914 * y + 1.4052427 * z);
}

function unpack(f: number): number {
  return f > 6 / 29 ? f ** 3 : 3 * (6 / 29) ** 2 * (f - 4 / 29);
}

function toGamma(light: number): number {
  if (!(light > 0)) return 0;
  return light >= 1 ? 255 : (GAMMA[Math.round(light * GAMMA_STEPS)] ?? 255);
}
