import { inPieces, type ReadAt } from './read-at.ts';

/** Encoders write 10, and those that search for the smallest file up to 64. libjpeg goes through the whole picture for each. */
const MAX_SCANS = 100;

/** The profile and the XMP data of a file of 50 MB take fewer. libvips needs 300 bytes of memory for each. */
const MAX_SEGMENTS = 10_000;

/** Start of frame: baseline and extended sequential, with Huffman codes (SOF0, SOF1) or arithmetic coding (SOF9). */
const SEQUENTIAL = [0xc0, 0xc1, 0xc9];
const START_OF_SCAN = 0xda;
const APP0 = 0xe0;
const END_OF_IMAGE = 0xd9;

/** Bytes that are read of each segment: those of JFIF up to its density. */
const SEGMENT_HEAD = 14;

/** Markers without a segment: TEM, RST0 to RST7 and SOI. */
const isBare = (marker: number): boolean => marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);

/**
 * Tells whether a JPEG's JFIF segment states a density, and checks that it has no more scans and segments than files in use have (ITU-T T.81, annex B): a small file of very many takes a
 * decoder minutes or gigabytes.
 *
 * @throws Error if there are more
 */
export function readJpegFacts(readAt: ReadAt): { hasDensity: boolean } {
  let hasDensity = false;
  let segments = 0;
  let scans = 0;
  let components: number | undefined;
  for (const { marker, bytes } of jpegSegments(readAt)) {
    segments += 1;
    if (marker === APP0) hasDensity ||= statesDensity(bytes);
    if (SEQUENTIAL.includes(marker)) components = bytes[9];
    if (marker === START_OF_SCAN) {
      scans += 1;
      // A sequential scan of all components is the only one. Not to look for others saves 1 ms per MB.
      if (bytes[4] === components) break;
    }
    if (scans > MAX_SCANS) throw new Error(`it has more than ${MAX_SCANS} scans`);
    if (segments > MAX_SEGMENTS) throw new Error(`it has more than ${MAX_SEGMENTS} segments`);
  }
  return { hasDensity };
}

/** Whether the density of a JFIF segment has a unit (ITU-T T.871, section 10.1); without one it is a shape of pixels. */
function statesDensity(segment: Buffer): boolean {
  if (segment.length < SEGMENT_HEAD) return false;
  return (
    segment.toString('latin1', 4, 9) === 'JFIF\0' &&
    [1, 2].includes(segment[11] ?? 0) &&
    segment.readUInt16BE(12) > 0
  );
}

/** The first bytes of all segments, up to the end of the image or of the file. */
function* jpegSegments(readAt: ReadAt): Generator<{ marker: number; bytes: Buffer }> {
  const bytesFrom = inPieces(readAt, SEGMENT_HEAD);
  let offset = 2;
  for (let bytes = bytesFrom(offset); bytes.length >= 4; bytes = bytesFrom(offset)) {
    const start = bytes.indexOf(0xff);
    let code = start + 1;
    // A marker may have several 0xFF before its code.
    while (bytes[code] === 0xff) code += 1;
    const marker = bytes[code] ?? 0;
    // The bytes before a marker are data of a scan or garbage.
    if (start < 0) offset += bytes.length;
    else if (code > 1) offset += code - 1;
    else if (marker === END_OF_IMAGE) return;
    // 0xFF00 is data of a scan.
    else if (marker === 0x00 || isBare(marker)) offset += 2;
    else {
      yield { marker, bytes };
      offset += 2 + Math.max(2, bytes.readUInt16BE(2));
    }
  }
}
