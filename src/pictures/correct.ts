import { readFileSync } from 'node:fs';
import sharp, { type Sharp, type SharpOptions } from 'sharp';
import { drawGif } from './gif-canvas.ts';
import { type Header, inputOf } from './header.ts';
import { rgbProfileOfGrey } from './icc-profile.ts';
import { type Pixels, samplesOf, toPixels } from './pixels.ts';
import { withPngProfile } from './png.ts';
import { readingAt } from './read-at.ts';
import { releaseArray } from './release-array.ts';
import { tiffDirectory } from './tiff-blocks.ts';
import { toDisplayedColors } from './tiff-colors.ts';
import { plainPage } from './tiff-page.ts';
import type { TiffSamples } from './tiff-samples.ts';
import type { SourceFile } from './types.ts';

interface Corrected {
  file: SourceFile;
  header: Header;
  /** Without it, all pages of an animation are read. */
  page: number | undefined;
  /** Number of pages that are read. */
  pages: number;
  /** How sharp reads the file. */
  options: SharpOptions;
}

/** Starts a sharp pipeline that gives a picture with a correction as it is displayed: 8-bit sRGB, upright if that was asked for. */
export async function openCorrected({ file, header, page, pages, options }: Corrected): Promise<Sharp> {
  const { correction, space, icc, orientation } = header;
  const { path } = file;
  switch (correction?.kind) {
    case undefined:
      throw new Error('The picture needs no correction.');
    case 'chunk':
      return inSrgb(sharp(withPngProfile(readFileSync(path), correction.profile), options), space);
    case 'profile':
      if (space === 'grey16') return openGrey16(path, correction.profile, options);
      return openWithProfile(
        inputOf(file, header),
        correction.profile,
        correction.isLimited,
        header,
        options,
      );
    case 'cmyk':
      return openInks(path, header, options);
    case 'canvas':
      return openPixels(await drawGif(path, correction.gif, page ?? 0, pages));
    case 'samples': {
      const pixels = await readSamples(path, page ?? 0, correction.samples, options.failOn);
      const upright = openPixels(pixels);
      const turned = options.autoOrient ? turn(upright, orientation) : upright;
      const profile = icc && profileFor(correction.samples, icc);
      return profile === undefined ? turned : inSrgb(await openPng(turned, profile), 'srgb');
    }
  }
}

/** sharp would convert 16-bit pictures to Display P3. */
export function inSrgb(image: Sharp, space: string): Sharp {
  return DIRECT_SPACES.includes(space) ? image : image.pipelineColourspace('srgb');
}

/** Spaces that sharp converts to sRGB before any operation, by their profile if they have one. */
const DIRECT_SPACES = ['srgb', 'rgb', 'b-w', 'cmyk', 'multiband'];

function openPixels({ data, size: { width, height }, channels }: Pixels): Sharp {
  return sharp(data, { raw: { width, height, channels }, limitInputPixels: false });
}

/** A picture in an uncompressed PNG with a profile, because sharp heeds only profiles in files. */
async function openPng(image: Sharp, profile: Buffer | undefined): Promise<Sharp> {
  const png = await image.png({ compressionLevel: 0, adaptiveFiltering: false }).toBuffer();
  return sharp(withPngProfile(png, profile), { limitInputPixels: false });
}

/** A colour picture of which the numbers are those of a profile, or in the levels of video. */
async function openWithProfile(
  input: string | Buffer,
  profile: Buffer | undefined,
  isLimited: boolean,
  { space }: Header,
  options: SharpOptions,
): Promise<Sharp> {
  const bitDepth = space === 'rgb16' ? 16 : 8;
  const plain = sharp(input, { ...options, ignoreIcc: true }).toColourspace(
    bitDepth === 16 ? 'rgb16' : 'srgb',
  );
  const { data, size, channels } = await toPixels(plain, bitDepth);
  const samples = samplesOf(data, bitDepth);
  if (isLimited) expandLevels(samples, channels, bitDepth);
  const image = sharp(samples, { raw: { ...size, channels }, limitInputPixels: false });
  if (bitDepth === 16) image.toColourspace('rgb16');
  return profile === undefined && bitDepth === 8 ? image : inSrgb(await openPng(image, profile), space);
}

/** Inks without a profile: each takes its share of the light. */
async function openInks(path: string, { depth }: Header, options: SharpOptions): Promise<Sharp> {
  const isWide = depth === 'ushort';
  const { data, info } = await sharp(path, options)
    .pipelineColourspace('cmyk')
    .toColourspace('cmyk')
    .raw({ depth: isWide ? 'ushort' : 'uchar' })
    .toBuffer({ resolveWithObject: true });
  const inks = samplesOf(data, isWide ? 16 : 8);
  const shift = isWide ? 8 : 0;
  const bands: number = info.channels;
  const channels = bands === 5 ? 4 : 3;
  const out = Buffer.allocUnsafe(info.width * info.height * channels);
  for (let from = 0, to = 0; to < out.length; from += bands, to += channels) {
    const light = 255 - ((inks[from + 3] ?? 0) >> shift);
    for (let ink = 0; ink < 3; ink += 1) {
      out[to + ink] = Math.round(((255 - ((inks[from + ink] ?? 0) >> shift)) * light) / 255);
    }
    if (channels === 4) out[to + 3] = (inks[from + 4] ?? 0) >> shift;
  }
  releaseArray(data);
  return openPixels({ data: out, size: { width: info.width, height: info.height }, channels });
}

/** Levels of video to all levels, except for alpha (ITU-R BT.709, section 4). */
function expandLevels(samples: Uint8Array | Uint16Array, channels: number, bitDepth: 8 | 16): void {
  const unit = bitDepth === 8 ? 1 : 256;
  const table = Float64Array.from({ length: 256 * unit }, (_, level) => {
    const value = ((level - 16 * unit) * (256 * unit - 1)) / (219 * unit);
    return Math.min(Math.max(Math.round(value), 0), 256 * unit - 1);
  });
  const alpha = channels % 2 === 0 ? channels - 1 : -1;
  for (let at = 0; at < samples.length; at += 1) {
    if (at % channels !== alpha) samples[at] = table[samples[at] ?? 0] ?? 0;
  }
}

/** Grey of 16 bits with a profile: sharp would make three channels of it, to which a grey profile does not apply. */
async function openGrey16(path: string, profile: Buffer | undefined, options: SharpOptions): Promise<Sharp> {
  const table = await levelsInSrgb(profile);
  const plain = sharp(path, { ...options, ignoreIcc: true }).toColourspace('grey16');
  const { data, size, channels } = await toPixels(plain, 16);
  const samples = samplesOf(data, 16);
  const width = channels === 2 ? 4 : 3;
  const out = Buffer.allocUnsafe(size.width * size.height * width);
  for (let from = 0, to = 0; to < out.length; from += channels, to += width) {
    out[to] = out[to + 1] = out[to + 2] = table[samples[from] ?? 0] ?? 0;
    if (width === 4) out[to + 3] = (samples[from + 1] ?? 0) >> 8;
  }
  releaseArray(data);
  return openPixels({ data: out, size, channels: width });
}

const LEVELS_16 = 65_536;

/** The 8-bit grey of sRGB for each level of 16 bits in a profile of grey; a profile that is not of grey is ignored. */
async function levelsInSrgb(profile: Buffer | undefined): Promise<Uint8Array> {
  const colors = profile && rgbProfileOfGrey(profile);
  if (colors === undefined) return Uint8Array.from({ length: LEVELS_16 }, (_, level) => level >> 8);
  const ramp = Uint16Array.from({ length: 3 * LEVELS_16 }, (_, index) => Math.floor(index / 3));
  const image = sharp(ramp, { raw: { width: 256, height: 256, channels: 3 } }).toColourspace('rgb16');
  const { data, channels } = await toPixels(inSrgb(await openPng(image, colors), 'rgb16'));
  return Uint8Array.from({ length: LEVELS_16 }, (_, level) => data[level * channels] ?? 0);
}

/** Reads a page of a TIFF as 8-bit sRGB without regard to its profile. */
async function readSamples(
  path: string,
  page: number,
  samples: TiffSamples,
  failOn: SharpOptions['failOn'],
): Promise<Pixels> {
  const directory = readingAt(path, (readAt) => tiffDirectory(readAt, page));
  if (directory === undefined) throw new Error(`The TIFF has no page ${page}.`);
  return decodeSamples(plainPage(readFileSync(path), directory, samples), samples, failOn);
}

/** Decodes a TIFF that `plainPage` has prepared. */
export async function decodeSamples(
  tiff: Buffer,
  samples: TiffSamples,
  failOn: SharpOptions['failOn'],
): Promise<Pixels> {
  const { bits, format } = samples;
  const [type, Numbers] = SAMPLE_ARRAYS[bits === 32 ? format : bits];
  const { data, info } = await sharp(tiff, { failOn, ignoreIcc: true, limitInputPixels: false })
    .pipelineColourspace('multiband')
    .toColourspace('multiband')
    .raw({ depth: type })
    .toBuffer({ resolveWithObject: true });
  const isAligned = data.byteOffset % (bits / 8) === 0;
  const bytes = isAligned ? data : Buffer.from(Uint8Array.prototype.slice.call(data).buffer);
  const values = new Numbers(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length / (bits / 8));
  const colors = toDisplayedColors(values, samples);
  releaseArray(data);
  const size = { width: info.width, height: info.height };
  return { data: colors, size, channels: samples.alpha === undefined ? 3 : 4 };
}

const SAMPLE_ARRAYS = {
  8: ['uchar', Uint8Array],
  16: ['ushort', Uint16Array],
  uint: ['uint', Uint32Array],
  int: ['int', Int32Array],
  float: ['float', Float32Array],
} as const;

/** The profile for the displayed colours of samples; undefined if there are no such numbers in the file. */
function profileFor({ model }: TiffSamples, icc: Buffer): Buffer | undefined {
  if (model === 'grey' || model === 'inverted grey') return rgbProfileOfGrey(icc);
  return model === 'rgb' || model === 'ycbcr' ? icc : undefined;
}

/** Turns and mirrors pixels as an EXIF orientation says. */
function turn(image: Sharp, orientation = 1): Sharp {
  if ([2, 4, 5, 7].includes(orientation)) image.flop();
  const angle = { 3: 180, 4: 180, 5: 270, 6: 90, 7: 90, 8: 270 }[orientation];
  return angle === undefined ? image : image.rotate(angle);
}
