import type { Metadata } from 'sharp';
import type { ImageFormat } from './types.ts';

/** Buffers of codec, libvips and the file, besides what grows with the frame. */
const BASE_BYTES = 32 * 1024 * 1024;

const BYTES_PER_SAMPLE: Record<string, number> = { uchar: 1, char: 1, ushort: 2, short: 2 };

/**
 * Memory in bytes that decoding one frame in full needs, estimated from its header. Baseline JPEG, plain PNG and
 * TIFF stream a few rows at a time; the others hold a frame. Measured with libvips 8.18, one thread, as the growth
 * of peak resident memory in bytes per pixel:
 *
 * | picture                     | measured | estimated |
 * | --------------------------- | -------- | --------- |
 * | baseline JPEG 49 MP         | 0.1      | 0         |
 * | progressive JPEG 4:2:0      | 3.0      | 3         |
 * | progressive JPEG 4:4:4      | 6.0      | 6         |
 * | interlaced 8-bit RGB PNG    | 3.0      | 3         |
 * | WebP, lossy or lossless     | 8.1      | 8         |
 * | GIF 36 MP                   | 7.0      | 8         |
 * | AVIF 16 MP, 8-bit 4:2:0     | 15       | 18        |
 * | AVIF 16 MP, 8-bit 4:4:4     | 18       | 18        |
 * | AVIF 16 MP, 10-bit          | 24       | 24        |
 */
export function estimateDecodeBytes(format: ImageFormat, header: Metadata): number {
  return BASE_BYTES + header.width * header.height * bytesPerPixel(format, header);
}

function bytesPerPixel(format: ImageFormat, header: Metadata): number {
  switch (format) {
    case 'jpeg':
      // All scans refine the same 16-bit DCT coefficients, one per sample.
      return header.isProgressive ? 2 * jpegSamplesPerPixel(header) : 0;
    case 'png':
      return header.isProgressive ? header.channels * (BYTES_PER_SAMPLE[header.depth] ?? 2) : 0;
    case 'webp':
      // An animation also holds the canvas that the next frame is drawn on.
      return (header.pages ?? 1) > 1 ? 12 : 8;
    case 'gif':
      return 8;
    case 'avif':
      return (header.bitsPerSample ?? 8) > 8 ? 24 : 18;
    case 'tiff':
      return 0;
  }
}

function jpegSamplesPerPixel({ chromaSubsampling, channels }: Metadata): number {
  const chroma = { '4:2:0': 0.25, '4:2:2': 0.5, '4:4:4': 1 }[chromaSubsampling ?? ''];
  return chroma !== undefined && channels === 3 ? 1 + 2 * chroma : channels;
}
