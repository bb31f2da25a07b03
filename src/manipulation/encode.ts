import { createHash } from 'node:crypto';
import { createReadStream, writeFileSync } from 'node:fs';
import sharp, { type OutputInfo, type Sharp } from 'sharp';
import { FORMATS } from '../pictures/formats.ts';
import type { PictureResult } from '../pictures/metadata.ts';
import { releaseArray } from '../pictures/release-array.ts';
import type { Outcome } from '../work/operation.ts';
import type { Output } from './output.ts';
import type { Timeline } from './source.ts';

/** Above this many pixels, a result is written straight to its file, so that it is not held in memory as a whole. */
const BUFFERED_PIXELS = 24_000_000;

export interface EncodeOptions {
  output: Output;
  /** Set if all pages of an animation are written. */
  timeline: Timeline | undefined;
  /** Whether the picture is encoded in one channel if the format has that. */
  isGrey: boolean;
  /** Whether the palette of a GIF input still fits. */
  reusesPalette: boolean;
  /** Expected pixels of all pages. */
  pixels: number;
  path: string;
}

/** Runs a sharp pipeline to an encoded file, and says what is in it. */
export async function encode(image: Sharp, options: EncodeOptions): Promise<Outcome<PictureResult>> {
  const { output, path } = options;
  const encoder = withFormat(image, options);
  const { info, sha256 } =
    options.pixels > BUFFERED_PIXELS ? await toFile(encoder, path) : await toBufferedFile(encoder, path);
  // Some facts are only in the file: the WebP encoder merges equal neighbouring pages and drops the alpha of an opaque picture,
  // and a GIF may have no transparent colour.
  const mayLoseAlpha = output.format === 'gif' || (output.format === 'webp' && info.hasAlpha);
  const isTold = options.timeline === undefined && !mayLoseAlpha;
  const { channels, hasAlpha, pages = 1 } = isTold ? info : await sharp(path).metadata();
  return {
    content: { sha256, size: info.size },
    result: {
      format: output.format,
      width: info.width,
      height: info.pageHeight ?? info.height,
      channels,
      has_alpha: hasAlpha,
      pages,
    },
  };
}

function withFormat(image: Sharp, { output, timeline, isGrey, reusesPalette }: EncodeOptions): Sharp {
  const { format, quality, lossless, effort, progressive, mozjpeg, compression, palette, colors, dither } =
    output;
  // A palette needs colours, and formats without a one-channel form are read back in colour anyway.
  if (isGrey && FORMATS[format].oneChannel && !palette) image.toColourspace('b-w');
  // Options that the format does not take are undefined.
  return image.toFormat(format, {
    quality,
    lossless,
    // Lossless includes the colours of transparent pixels.
    exact: lossless,
    effort,
    progressive,
    mozjpeg,
    chromaSubsampling: output.chroma_subsampling,
    compressionLevel: output.compression_level,
    compression,
    palette,
    colors,
    dither,
    reuse: reusesPalette,
    keepDuplicateFrames: true,
    delay: timeline?.delays,
    loop: timeline?.loop,
  });
}

interface Written {
  info: OutputInfo;
  sha256: string;
}

async function toBufferedFile(encoder: Sharp, path: string): Promise<Written> {
  const { data, info } = await encoder.toBuffer({ resolveWithObject: true });
  // Synchronous, because an image process does nothing else meanwhile (docs/benchmarks.md).
  writeFileSync(path, data, { mode: 0o600 });
  const sha256 = createHash('sha256').update(data).digest('hex');
  releaseArray(data);
  return { info, sha256 };
}

async function toFile(encoder: Sharp, path: string): Promise<Written> {
  const info = await encoder.toFile(path);
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return { info, sha256: hash.digest('hex') };
}
