import { IMAGE_FORMATS, type ImageFormat } from './types.ts';

/** What a picture format is called and what it can hold. */
export interface FormatTraits {
  name: string;
  /** IANA media type. */
  mediaType: string;
  /** File name extensions without the dot, the customary one first. */
  extensions: readonly [string, ...string[]];
  alpha: boolean;
  /** As this project writes it: several frames with times. */
  animation: boolean;
  /** As this project reads it: several pictures in one file, or frames. */
  pages: boolean;
  /** Largest width and height that an encoder can write, in pixels. */
  maxSide: number;
}

export const FORMATS = {
  jpeg: {
    name: 'JPEG',
    mediaType: 'image/jpeg',
    extensions: ['jpg', 'jpeg'],
    alpha: false,
    animation: false,
    pages: false,
    // JPEG has room for 65,535; libjpeg's JPEG_MAX_DIMENSION is less.
    maxSide: 65_500,
  },
  png: {
    name: 'PNG',
    mediaType: 'image/png',
    extensions: ['png'],
    alpha: true,
    animation: false,
    pages: false,
    maxSide: 2_147_483_647,
  },
  webp: {
    name: 'WebP',
    mediaType: 'image/webp',
    extensions: ['webp'],
    alpha: true,
    animation: true,
    pages: true,
    maxSide: 16_383,
  },
  gif: {
    name: 'GIF',
    mediaType: 'image/gif',
    extensions: ['gif'],
    alpha: true,
    animation: true,
    pages: true,
    maxSide: 65_535,
  },
  tiff: {
    name: 'TIFF',
    mediaType: 'image/tiff',
    extensions: ['tiff', 'tif'],
    alpha: true,
    animation: false,
    pages: true,
    maxSide: 2_147_483_647,
  },
  avif: {
    name: 'AVIF',
    mediaType: 'image/avif',
    extensions: ['avif'],
    alpha: true,
    animation: false,
    pages: false,
    maxSide: 16_384,
  },
} as const satisfies Record<ImageFormat, FormatTraits>;

/**
 * The format with a media type, or undefined where it is none of the six. Case and parameters (`; q=0.8`) do not
 * matter.
 */
export function formatOfMediaType(mediaType: string): ImageFormat | undefined {
  const essence = mediaType.split(';', 1)[0]?.trim().toLowerCase();
  return IMAGE_FORMATS.find((format) => FORMATS[format].mediaType === essence);
}

export function mediaTypeOf(format: ImageFormat): string {
  return FORMATS[format].mediaType;
}

/** The customary file name extension, without the dot. */
export function extensionOf(format: ImageFormat): string {
  return FORMATS[format].extensions[0];
}
