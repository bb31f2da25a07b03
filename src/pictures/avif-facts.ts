import { meaningOf } from './color-code-points.ts';
import { rgbProfile } from './icc-profile.ts';
import type { ReadAt } from './read-at.ts';

/** What an AVIF says and libvips does not heed. */
export interface AvifFacts {
  /** Whether it is an animation, of which only the primary picture is read. */
  isAnimated: boolean;
  /** Whether its major brand is that of an image sequence. */
  isSequence: boolean;
  /** Whether there is a primary picture: an image sequence may be all that is in a file. */
  hasPicture: boolean;
  /** The profile of its colours if they are neither sRGB nor described by its own profile. */
  profile: Buffer | undefined;
  /** Whether it is a grey picture whose levels are those of video: of 8 bits, 16 is black and 235 white. */
  isLimitedGrey: boolean;
}

/** Bytes of the `meta` box that are read; those of photos are below 64 KiB. */
const MAX_META_BYTES = 1024 * 1024;
const MAX_BOXES = 1000;
const MAJOR_BRAND_AT = 8;

interface Box {
  type: string;
  /** Offset of its content, and of its end. */
  start: number;
  end: number;
}

/**
 * Reads the boxes of an AVIF (ISO/IEC 14496-12 and 23008-12, sections 6 and 9): its primary item and the properties of that.
 *
 * @throws Error as `meaningOf`
 */
export function readAvifFacts(readAt: ReadAt): AvifFacts {
  const top = boxesOf(readAt, 0, Number.MAX_SAFE_INTEGER);
  const meta = top.find(({ type }) => type === 'meta');
  const properties = meta && primaryProperties(readAt, meta);
  const isAnimated = top.some(({ type }) => type === 'moov');
  const isSequence = readAt(MAJOR_BRAND_AT, 4).toString('latin1') === 'avis';
  const facts = { isAnimated, isSequence };
  if (properties === undefined) {
    return { ...facts, hasPicture: false, profile: undefined, isLimitedGrey: false };
  }
  const content = (type: string, kind = '') =>
    properties.find(
      (property) => property.type === type && property.bytes.toString('latin1').startsWith(kind),
    )?.bytes;
  const [nclx, configuration, pixels] = [content('colr', 'nclx'), content('av1C'), content('pixi')];
  const hasProfile = content('colr', 'prof') !== undefined || content('colr', 'rICC') !== undefined;
  // Flag `monochrome` of the AV1 configuration; a grid has none, but it has a number of channels.
  const isGrey = configuration === undefined ? pixels?.[4] === 1 : ((configuration[2] ?? 0) & 0x10) !== 0;
  if (nclx === undefined || nclx.length < 11) {
    return { ...facts, hasPicture: true, profile: undefined, isLimitedGrey: false };
  }
  const meaning = hasProfile
    ? undefined
    : meaningOf({ primaries: nclx.readUInt16BE(4), transfer: nclx.readUInt16BE(6) }, 'srgb');
  return {
    ...facts,
    hasPicture: true,
    profile: meaning && rgbProfile(meaning.primaries, meaning.curve),
    isLimitedGrey: isGrey && ((nclx[10] ?? 0) & 0x80) === 0,
  };
}

/** Changes the major brand of an image sequence with a primary picture to that of a still picture. */
export function asStillAvif(bytes: Buffer): Buffer {
  bytes.write('avif', MAJOR_BRAND_AT, 'latin1');
  return bytes;
}

interface Property {
  type: string;
  bytes: Buffer;
}

/** The properties of the primary item; undefined if there is not one. */
function primaryProperties(readAt: ReadAt, meta: Box): Property[] | undefined {
  const bytes = readAt(meta.start, Math.min(meta.end - meta.start, MAX_META_BYTES));
  const inMeta: ReadAt = (offset, length) => bytes.subarray(offset, offset + length);
  // A full box: its content begins with a version and flags.
  const boxes = boxesOf(inMeta, 4, bytes.length);
  const primary = boxes.find(({ type }) => type === 'pitm');
  const container = boxes.find(({ type }) => type === 'iprp');
  if (primary === undefined) return undefined;
  const isShort = bytes[primary.start] === 0;
  const id = readUint(bytes, primary.start + 4, isShort ? 2 : 4);
  const parts = container === undefined ? [] : boxesOf(inMeta, container.start, container.end);
  const list = parts.find(({ type }) => type === 'ipco');
  const properties = list === undefined ? [] : boxesOf(inMeta, list.start, list.end);
  const indices = parts
    .filter(({ type }) => type === 'ipma')
    .flatMap(({ start, end }) => associations(bytes.subarray(start, end), id));
  return indices.flatMap((index) => {
    const property = properties[index - 1];
    return property ? { type: property.type, bytes: bytes.subarray(property.start, property.end) } : [];
  });
}

/** The indices (from 1) of an item's properties in an `ipma` box. */
function associations(box: Buffer, item: number): number[] {
  const [version = 0, , , flags = 0] = box;
  const idSize = version === 0 ? 2 : 4;
  const indexSize = (flags & 1) === 0 ? 1 : 2;
  const count = readUint(box, 4, 4);
  let at = 8;
  for (let entry = 0; entry < count && at + idSize < box.length; entry += 1) {
    const id = readUint(box, at, idSize);
    const total = box[at + idSize] ?? 0;
    at += idSize + 1;
    if (id === item) {
      const mask = indexSize === 1 ? 0x7f : 0x7fff;
      return Array.from({ length: total }, (_, i) => readUint(box, at + i * indexSize, indexSize) & mask);
    }
    at += total * indexSize;
  }
  return [];
}

/** The boxes between two offsets, up to the end of the file. */
function boxesOf(readAt: ReadAt, from: number, end: number): Box[] {
  const boxes: Box[] = [];
  let offset = from;
  while (boxes.length < MAX_BOXES && offset + 8 <= end) {
    const head = readAt(offset, 16);
    if (head.length < 8) break;
    const short = head.readUInt32BE(0);
    const isLong = short === 1 && head.length === 16;
    const size = isLong ? Number(head.readBigUInt64BE(8)) : short;
    // A size of 0 reaches to the end of the file.
    const next = size === 0 ? end : offset + size;
    if (next < offset + 8) break;
    boxes.push({
      type: head.toString('latin1', 4, 8),
      start: offset + (isLong ? 16 : 8),
      end: Math.min(next, end),
    });
    offset = next;
  }
  return boxes;
}

/** An unsigned number; 0 if the bytes end before it does. */
function readUint(bytes: Buffer, offset: number, size: number): number {
  return offset + size > bytes.length ? 0 : bytes.readUIntBE(offset, size);
}
