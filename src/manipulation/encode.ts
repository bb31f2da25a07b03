import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  createReadStream,
  fstatSync,
  ftruncateSync,
  openSync,
  writeFileSync,
} from 'node:fs';
import { pipeline as pump } from 'node:stream/promises';
import sharp, { type OutputInfo, type Sharp } from 'sharp';
import type { ImageFormat } from '../pictures/formats.ts';
import type { PictureResult } from '../pictures/metadata.ts';
import { releaseArray } from '../pictures/release-array.ts';
import type { WrittenFile } from '../work/operation.ts';
import type { Output } from './output.ts';
import type { Timeline } from './source.ts';

/** Above this many pixels a result goes straight to its file, so that it is not held in memory as a whole. */
const BUFFERED_PIXELS = 24_000_000;

const ONE_CHANNEL_FORMATS: readonly ImageFormat[] = ['jpeg', 'png', 'tiff'];

/** A picture that was written, and what is known of it. */
export type TransformResult = PictureResult & WrittenFile;

export interface EncodeOptions {
  output: Output;
  /** Where all frames of an animation are written. */
  timeline: Timeline | undefined;
  /** Whether the picture is encoded in one channel, where the format has that. */
  isGrey: boolean;
  /** Whether the palette of a GIF input still fits. */
  reusesPalette: boolean;
  /** Expected, over all frames. */
  pixels: number;
  path: string;
}

/** Runs a sharp pipeline to an encoded file, and says what is in it. */
export async function encode(image: Sharp, options: EncodeOptions): Promise<TransformResult> {
  const { output, path } = options;
  const encoder = withFormat(image, options);
  const { info, size, sha256 } =
    options.pixels > BUFFERED_PIXELS ? await toFile(encoder, path) : await toBufferedFile(encoder, path);
  // Only the file knows how many frames there are, since the WebP encoder joins equal neighbours to a longer one, whether
  // a GIF has a transparent colour, and whether a WebP has alpha, which the encoder leaves out where all is opaque.
  const mayLoseAlpha = output.format === 'gif' || (output.format === 'webp' && info.hasAlpha);
  const isTold = options.timeline === undefined && !mayLoseAlpha;
  const { channels, hasAlpha, pages = 1 } = isTold ? info : await sharp(path).metadata();
  return {
    sha256,
    size,
    format: output.format,
    width: info.width,
    height: info.pageHeight ?? info.height,
    channels,
    has_alpha: hasAlpha,
    pages,
  };
}

function withFormat(image: Sharp, options: EncodeOptions): Sharp {
  const { output, timeline, isGrey, reusesPalette } = options;
  // A palette needs colours, and WebP, GIF and AVIF are read back as colours anyway.
  const hasOneChannel = isGrey && ONE_CHANNEL_FORMATS.includes(output.format) && !output.palette;
  if (hasOneChannel) image.toColourspace('b-w');
  switch (output.format) {
    case 'jpeg':
      return image.jpeg({
        quality: output.quality,
        progressive: output.progressive,
        mozjpeg: output.mozjpeg,
        chromaSubsampling: output.chroma_subsampling,
      });
    case 'png':
      return image.png({
        compressionLevel: output.compression_level,
        progressive: output.progressive,
        ...(output.palette
          ? {
              palette: true,
              quality: output.quality,
              effort: output.effort,
              colors: output.colors,
              dither: output.dither,
            }
          : {}),
      });
    case 'webp':
      return image.webp({
        quality: output.quality,
        lossless: output.lossless,
        // Lossless means the colours of transparent pixels, too.
        exact: output.lossless,
        effort: output.effort,
        ...animationOf(timeline),
      });
    case 'gif':
      return image.gif({
        effort: output.effort,
        colors: output.colors,
        dither: output.dither,
        progressive: output.progressive,
        reuse: reusesPalette,
        keepDuplicateFrames: true,
        ...animationOf(timeline),
      });
    case 'tiff':
      return image.tiff({ compression: output.compression, quality: output.quality });
    case 'avif':
      return image.avif({
        quality: output.quality,
        lossless: output.lossless,
        effort: output.effort,
        chromaSubsampling: output.chroma_subsampling,
      });
  }
}

function animationOf(timeline: Timeline | undefined) {
  return timeline === undefined ? {} : { delay: timeline.delays, loop: timeline.loop };
}

interface Written extends WrittenFile {
  info: OutputInfo;
}

async function toBufferedFile(encoder: Sharp, path: string): Promise<Written> {
  const { data, info } = await encoder.toBuffer({ resolveWithObject: true });
  // At once: an image process does nothing else meanwhile, and three trips to the thread pool take 0.2 ms more.
  overwrite(path, data);
  const written = { info, size: data.length, sha256: createHash('sha256').update(data).digest('hex') };
  releaseArray(data);
  return written;
}

/** Writes a file over what may be there, whose space is used again. */
function overwrite(path: string, data: Buffer): void {
  const file = openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o600);
  try {
    writeFileSync(file, data);
    if (fstatSync(file).size > data.length) ftruncateSync(file, data.length);
  } finally {
    closeSync(file);
  }
}

async function toFile(encoder: Sharp, path: string): Promise<Written> {
  const info = await encoder.toFile(path);
  const hash = createHash('sha256');
  let size = 0;
  await pump(createReadStream(path), async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      size += chunk.length;
      hash.update(chunk);
    }
    yield '';
  });
  return { info, size, sha256: hash.digest('hex') };
}
