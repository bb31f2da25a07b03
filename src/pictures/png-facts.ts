import { BT1886, type ColorCodePoints, meaningOf } from './color-code-points.ts';
import { greyProfile, type Primaries, rgbProfile, SRGB_PRIMARIES, type ToneCurve } from './icc-profile.ts';
import { inPieces, type ReadAt } from './read-at.ts';

/** What a PNG says and libvips does not heed. */
export interface PngFacts {
  hasDensity: boolean;
  /** Whether it is an animation (APNG), of which only the default picture is read. */
  isAnimated: boolean;
  /** The profile of its colours if they are neither sRGB nor described by its own profile. */
  profile: Buffer | undefined;
}

/** Chunks before the pixels that are looked at; real files have fewer than 100. */
const MAX_CHUNKS = 10_000;

/** Bytes of a chunk that are read: its length, its type, and the data of the longest of the known ones, `cHRM`. */
const CHUNK_HEAD = 8 + 32;

/**
 * Reads the chunks before the pixels (W3C PNG, third edition, sections 4.3 and 11.3). The colours of a picture are those of `cICP`,
 * otherwise of `iCCP`, `sRGB`, or `gAMA` and `cHRM`.
 *
 * @throws Error as `meaningOf`
 */
export function readPngFacts(readAt: ReadAt): PngFacts {
  const chunks = chunksBeforePixels(readAt);
  const physical = chunks.get('pHYs');
  return {
    // 1 is metres; 0 is a shape of pixels.
    hasDensity: physical !== undefined && physical.length >= 9 && physical[8] === 1,
    isAnimated: chunks.has('acTL'),
    profile: profileOf(chunks),
  };
}

function chunksBeforePixels(readAt: ReadAt): Map<string, Buffer> {
  const bytesFrom = inPieces(readAt, CHUNK_HEAD);
  const chunks = new Map<string, Buffer>();
  let offset = 8;
  for (let count = 0; count < MAX_CHUNKS; count += 1) {
    const head = bytesFrom(offset);
    if (head.length < 8) break;
    const length = head.readUInt32BE(0);
    const type = head.toString('latin1', 4, 8);
    if (type === 'IDAT' || type === 'IEND') break;
    if (!chunks.has(type)) chunks.set(type, Buffer.from(head.subarray(8, 8 + Math.min(length, CHUNK_HEAD))));
    offset += 12 + length;
  }
  return chunks;
}

function profileOf(chunks: Map<string, Buffer>): Buffer | undefined {
  // Grey, and grey with alpha.
  const isGrey = [0, 4].includes(chunks.get('IHDR')?.[9] ?? 0);
  const meaning = colorsOf(chunks);
  if (meaning === undefined) return undefined;
  if (!isGrey) return rgbProfile(meaning.primaries, meaning.curve);
  return meaning.curve === 'srgb' ? undefined : greyProfile(meaning.curve);
}

function colorsOf(chunks: Map<string, Buffer>): { primaries: Primaries; curve: ToneCurve } | undefined {
  const codePoints = codePointsOf(chunks.get('cICP'));
  if (codePoints !== undefined) return meaningOf(codePoints, BT1886);
  if (chunks.has('iCCP') || chunks.has('sRGB')) return undefined;
  const gamma = gammaOf(chunks.get('gAMA'));
  // As in browsers, chromaticities without a gamma say nothing.
  if (gamma === undefined) return undefined;
  const primaries = primariesOf(chunks.get('cHRM'));
  if (primaries === undefined && gamma === SRGB_GAMMA) return undefined;
  return { primaries: primaries ?? SRGB_PRIMARIES, curve: { gamma: 100_000 / gamma } };
}

/** The value of `gAMA` that writers give to sRGB. */
const SRGB_GAMMA = 45_455;

function codePointsOf(chunk: Buffer | undefined): ColorCodePoints | undefined {
  const [primaries, transfer, matrix] = chunk ?? [];
  // The matrix of RGB is 0; a PNG has no other.
  return primaries === undefined || transfer === undefined || matrix !== 0
    ? undefined
    : { primaries, transfer };
}

/** In 1/100,000; undefined for zero and for curves too steep to show anything. */
function gammaOf(chunk: Buffer | undefined): number | undefined {
  if (chunk === undefined || chunk.length < 4) return undefined;
  const gamma = chunk.readUInt32BE(0);
  return gamma === 0 ? undefined : gamma;
}

function primariesOf(chunk: Buffer | undefined): Primaries | undefined {
  if (chunk === undefined || chunk.length < 32) return undefined;
  const point = (index: number) =>
    [chunk.readUInt32BE(8 * index) / 100_000, chunk.readUInt32BE(8 * index + 4) / 100_000] as const;
  const primaries = { white: point(0), red: point(1), green: point(2), blue: point(3) };
  const isUsable = Object.values(primaries).every(([x, y]) => x >= 0 && x <= 1 && y > 0 && y <= 1);
  return isUsable ? primaries : undefined;
}
