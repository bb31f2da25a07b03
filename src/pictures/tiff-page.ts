import { readFileSync } from 'node:fs';
import type { Metadata } from 'sharp';
import type { Correction } from './corrections.ts';
import type { ReadAt } from './read-at.ts';
import { type TiffDirectory, TiffReader } from './tiff.ts';
import { tiffDirectory } from './tiff-blocks.ts';
import { makeSamplesPlain, readTiffSamples, type TiffSamples } from './tiff-samples.ts';
import { unsupported } from './unread-formats.ts';

const TAGS = {
  photometric: 262,
  resolution: 282,
  resolutionUnit: 296,
  subDirectories: 330,
  dngVersion: 50_706,
};

/** Photometric interpretations of sensor data: a colour filter array, and linear raw. */
const SENSOR_DATA = [32_803, 34_892];
const MAX_SUB_DIRECTORIES = 16;

/** What a page of a TIFF says and libvips does not heed; the fields are those of `FileFacts`. */
export interface TiffPageFacts {
  hasDensity: boolean;
  correction?: Correction;
  header?: Partial<Metadata>;
  /** The page alone, if libvips is to read its samples as they are. */
  bytes?: Buffer;
}

/**
 * Reads a page's directory.
 *
 * @throws AppError `unsupported_image_format` for a camera raw
 * @throws Error as `tiffDirectories` and `readTiffSamples`
 */
export function readTiffPage(readAt: ReadAt, path: string, page: number): TiffPageFacts {
  const directory = tiffDirectory(readAt, page);
  if (directory === undefined) return { hasDensity: false };
  if (page === 0) refuseCameraRaw(readAt, directory);
  const hasDensity = statesDensity(readAt, directory);
  const samples = readTiffSamples(readAt, directory);
  if (samples === undefined) return { hasDensity };
  return {
    hasDensity,
    ...describeSamples(samples),
    bytes: plainPage(readFileSync(path), directory, samples),
  };
}

/** The correction for these samples, and what libvips' header of the plain samples does not say. */
export function describeSamples(samples: TiffSamples): { correction: Correction; header: Partial<Metadata> } {
  const { bits, format, model, alpha } = samples;
  const isGrey = model === 'grey' || model === 'inverted grey';
  const space = model === 'icclab' ? 'lab' : isGrey ? 'b-w' : model === 'rgb' ? 'srgb' : model;
  const depth = DEPTHS[`${format}${bits}`] ?? 'uchar';
  return {
    correction: { kind: 'samples', samples },
    // libvips has more names than sharp's types, and none for numbers of 16 bits with a fraction.
    header: { space, depth, hasAlpha: alpha !== undefined } as Partial<Metadata>,
  };
}

const DEPTHS: Readonly<Record<string, string>> = {
  uint8: 'uchar',
  int8: 'char',
  uint16: 'ushort',
  int16: 'short',
  uint32: 'uint',
  int32: 'int',
  float16: 'half',
  float32: 'float',
};

/**
 * Makes a page the first of its file, with its samples as they are.
 *
 * @param bytes the file, which is changed
 */
export function plainPage(bytes: Buffer, directory: TiffDirectory, samples: TiffSamples): Buffer {
  const tiff = new TiffReader((offset, length) => bytes.subarray(offset, offset + length));
  const { at, size } = tiff.firstLink;
  tiff.writeOffset(bytes, at, directory.offset);
  if (directory.linkAt + size <= bytes.length) tiff.writeOffset(bytes, directory.linkAt, 0);
  makeSamplesPlain(bytes, directory, samples);
  return bytes;
}

/** Whether the density of a directory has a unit; without one, it is a shape of pixels. */
function statesDensity(readAt: ReadAt, { entries }: TiffDirectory): boolean {
  const tiff = new TiffReader(readAt);
  const unit = entries.find(({ tag }) => tag === TAGS.resolutionUnit);
  return (
    entries.some(({ tag }) => tag === TAGS.resolution) && (unit === undefined || tiff.firstNumber(unit) !== 1)
  );
}

/** Most camera raws are TIFF files whose first page is a small preview. */
function refuseCameraRaw(readAt: ReadAt, { entries }: TiffDirectory): void {
  if (entries.some(({ tag }) => tag === TAGS.dngVersion)) throw unsupported('a camera raw (DNG)');
  const tiff = new TiffReader(readAt);
  const list = entries.find(({ tag }) => tag === TAGS.subDirectories);
  if (list === undefined || list.count === 0) return;
  const size = list.length / list.count;
  const offsets = tiff.valuesOf(list, size * MAX_SUB_DIRECTORIES);
  for (let at = 0; size > 0 && at + size <= offsets.length; at += size) {
    const start = tiff.number(offsets, at, list.type);
    if (!(start >= 8)) continue;
    const photometric = tiff.directory(start).entries.find(({ tag }) => tag === TAGS.photometric);
    if (photometric !== undefined && SENSOR_DATA.includes(tiff.firstNumber(photometric) ?? 0)) {
      throw unsupported('a camera raw (TIFF with sensor data, such as NEF, ARW or PEF)');
    }
  }
}
