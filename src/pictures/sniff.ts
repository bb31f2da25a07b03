import type { ImageFormat } from './types.ts';

/** Bytes from the start of a file that are enough for `sniffImageFormat`. */
export const SNIFF_BYTES = 256;

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** Byte order mark and version of classic TIFF (42) and BigTIFF (43), in both byte orders. */
const TIFF_SIGNATURES = [
  [0x49, 0x49, 0x2a, 0x00],
  [0x4d, 0x4d, 0x00, 0x2a],
  [0x49, 0x49, 0x2b, 0x00],
  [0x4d, 0x4d, 0x00, 0x2b],
];

/**
 * The format that a file's first bytes announce, or undefined where it is none of the accepted ones. Names and
 * declared media types play no part.
 *
 * @param head the first `SNIFF_BYTES` of the file, or all of a shorter one
 */
export function sniffImageFormat(head: Uint8Array): ImageFormat | undefined {
  if (startsWith(head, [0xff, 0xd8, 0xff])) return 'jpeg';
  if (startsWith(head, PNG_SIGNATURE)) return 'png';
  if (asciiAt(head, 0, 4) === 'RIFF' && asciiAt(head, 8, 4) === 'WEBP') return 'webp';
  if (['GIF87a', 'GIF89a'].includes(asciiAt(head, 0, 6))) return 'gif';
  if (TIFF_SIGNATURES.some((signature) => startsWith(head, signature))) {
    // Canon's CR2 is a TIFF whose pages are previews and undecodable sensor data.
    return asciiAt(head, 8, 2) === 'CR' ? undefined : 'tiff';
  }
  if (isAvif(head)) return 'avif';
  return undefined;
}

/**
 * ISO/IEC 14496-12 file type box: size, `ftyp`, major brand, minor version, compatible brands. HEIC with HEVC names
 * `heic` or `hevc` brands only; `mif1` alone says nothing of the codec.
 */
function isAvif(head: Uint8Array): boolean {
  if (asciiAt(head, 4, 4) !== 'ftyp') return false;
  const size = new DataView(head.buffer, head.byteOffset, head.byteLength).getUint32(0);
  const end = Math.min(size, head.length);
  for (let offset = 8; offset + 4 <= end; offset += 4) {
    const isMinorVersion = offset === 12;
    if (!isMinorVersion && ['avif', 'avis'].includes(asciiAt(head, offset, 4))) return true;
  }
  return false;
}

function startsWith(head: Uint8Array, signature: readonly number[]): boolean {
  return signature.every((byte, index) => head[index] === byte);
}

function asciiAt(head: Uint8Array, offset: number, length: number): string {
  return String.fromCharCode(...head.subarray(offset, offset + length));
}
