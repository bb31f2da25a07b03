import type { Metadata } from 'sharp';
import { PNG_SIGNATURE } from './png.ts';

export const IMAGE_FORMATS = ['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif'] as const;
export type ImageFormat = (typeof IMAGE_FORMATS)[number];

/** The name of a picture format, how it is recognized and read, and what it can hold. */
export interface FormatTraits {
  name: string;
  /** IANA media type. */
  mediaType: string;
  /** File name extensions without the dot, the customary one first. */
  extensions: readonly [string, ...string[]];
  /** Whether a file that starts with these bytes, given as Latin-1, is of this format. */
  isStart(head: string): boolean;
  /** libvips' loader class (`vips -l foreign`), which covers files, buffers and streams. */
  loader: string;
  /** Estimated bytes of memory per pixel while a page is decoded (docs/benchmarks.md); 0 if it streams. */
  decodeBytes(header: Metadata): number;
  alpha: boolean;
  /** Whether this project writes a grey picture in one channel. */
  oneChannel: boolean;
  /** Whether this project writes several pages with times. */
  animation: boolean;
  /** Whether this project reads several pages. */
  pages: boolean;
  /** Largest width and height that an encoder can write, in pixels. */
  maxSide: number;
}

export const FORMATS = {
  jpeg: {
    name: 'JPEG',
    mediaType: 'image/jpeg',
    extensions: ['jpg', 'jpeg'],
    isStart: (head) => head.startsWith('\xff\xd8\xff'),
    // Also reads Ultra HDR JPEGs, because `VipsForeignLoadUhdr` stays blocked.
    loader: 'VipsForeignLoadJpeg',
    // The scans of a progressive JPEG refine the same 16-bit DCT coefficients, one per sample.
    decodeBytes: (header) => (header.isProgressive ? 2 * jpegSamplesPerPixel(header) : 0),
    alpha: false,
    oneChannel: true,
    animation: false,
    pages: false,
    // JPEG allows 65,535; libjpeg's JPEG_MAX_DIMENSION is less.
    maxSide: 65_500,
  },
  png: {
    name: 'PNG',
    mediaType: 'image/png',
    extensions: ['png'],
    isStart: (head) => head.startsWith(PNG_SIGNATURE),
    loader: 'VipsForeignLoadPng',
    decodeBytes: ({ isProgressive, channels, depth }) =>
      isProgressive ? channels * (depth === 'uchar' ? 1 : 2) : 0,
    alpha: true,
    oneChannel: true,
    animation: false,
    pages: false,
    maxSide: 2_147_483_647,
  },
  webp: {
    name: 'WebP',
    mediaType: 'image/webp',
    extensions: ['webp'],
    isStart: (head) => head.startsWith('RIFF') && head.startsWith('WEBP', 8),
    loader: 'VipsForeignLoadWebp',
    // An animation also needs the canvas on which the next page is drawn.
    decodeBytes: ({ pages = 1 }) => (pages > 1 ? 12 : 8),
    alpha: true,
    oneChannel: false,
    animation: true,
    pages: true,
    maxSide: 16_383,
  },
  gif: {
    name: 'GIF',
    mediaType: 'image/gif',
    extensions: ['gif'],
    isStart: (head) => head.startsWith('GIF87a') || head.startsWith('GIF89a'),
    loader: 'VipsForeignLoadNsgif',
    decodeBytes: () => 8,
    alpha: true,
    oneChannel: false,
    animation: true,
    pages: true,
    maxSide: 65_535,
  },
  tiff: {
    name: 'TIFF',
    mediaType: 'image/tiff',
    extensions: ['tiff', 'tif'],
    // The byte order, and 42 for a classic TIFF or 43 for BigTIFF. Canon's CR2 is a TIFF with undecodable sensor data.
    isStart: (head) =>
      ['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].includes(head.slice(0, 4)) && !head.startsWith('CR', 8),
    loader: 'VipsForeignLoadTiff',
    decodeBytes: () => 0,
    alpha: true,
    oneChannel: true,
    animation: false,
    pages: true,
    maxSide: 2_147_483_647,
  },
  avif: {
    name: 'AVIF',
    mediaType: 'image/avif',
    extensions: ['avif'],
    isStart: isAvif,
    loader: 'VipsForeignLoadHeif',
    decodeBytes: ({ bitsPerSample = 8 }) => (bitsPerSample > 8 ? 24 : 18),
    alpha: true,
    oneChannel: false,
    animation: false,
    pages: false,
    maxSide: 16_384,
  },
} as const satisfies Record<ImageFormat, FormatTraits>;

/** Bytes from the start of a file that tell its format. */
const HEAD_BYTES = 256;

/**
 * The format that a file's first bytes announce, or undefined if it is not accepted. Names and declared media types are ignored.
 *
 * @param head the first 256 bytes of the file, or all of a shorter one
 */
export function sniffImageFormat(head: Uint8Array): ImageFormat | undefined {
  const text = Buffer.from(head.subarray(0, HEAD_BYTES)).toString('latin1');
  return IMAGE_FORMATS.find((format) => FORMATS[format].isStart(text));
}

/** The format of a media type, or undefined if it is not accepted. Case and parameters (`; q=0.8`) are ignored. */
export function formatOfMediaType(mediaType: string): ImageFormat | undefined {
  const essence = mediaType.split(';', 1)[0]?.trim().toLowerCase();
  return IMAGE_FORMATS.find((format) => FORMATS[format].mediaType === essence);
}

/**
 * ISO/IEC 14496-12 file type box: size, `ftyp`, major brand, minor version, compatible brands. HEIC with HEVC has only `heic` or
 * `hevc` brands; `mif1` does not tell the codec.
 */
function isAvif(head: string): boolean {
  if (!head.startsWith('ftyp', 4)) return false;
  const size = Buffer.from(head.slice(0, 4), 'latin1').readUInt32BE();
  const [majorBrand, _minorVersion, ...compatibleBrands] = head.slice(8, size).match(/.{4}/gs) ?? [];
  return [majorBrand, ...compatibleBrands].some((brand) => brand === 'avif' || brand === 'avis');
}

function jpegSamplesPerPixel({ chromaSubsampling, channels }: Metadata): number {
  const chroma = { '4:2:0': 0.25, '4:2:2': 0.5, '4:4:4': 1 }[chromaSubsampling ?? ''];
  return chroma !== undefined && channels === 3 ? 1 + 2 * chroma : channels;
}
