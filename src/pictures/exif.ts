import type { ImageDetails } from './metadata.ts';
import { type TiffEntry, TiffReader } from './tiff.ts';

/**
 * Only the EXIF fields that are shown are read. A general reader expands every entry that a file declares, and thousands of
 * overlapping ones would take seconds and gigabytes.
 *
 * Format: CIPA DC-008 (Exif 2.32), TIFF 6.0 for the directory structure.
 */
const IMAGE_TAGS = {
  270: 'description',
  271: 'make',
  272: 'model',
  305: 'software',
  315: 'artist',
  33432: 'copyright',
} as const;
const PHOTO_TAGS = {
  33434: 'exposure',
  33437: 'f_number',
  34855: 'iso',
  36867: 'taken_at',
  37380: 'exposure_bias',
  37386: 'focal_length',
  41989: 'focal_length_35mm',
  42036: 'lens',
} as const;
const ORIENTATION = 0x0112;
const X_RESOLUTION = 282;
const RESOLUTION_UNIT = 296;
const PHOTO_DIRECTORY = 0x8769;
const GPS_DIRECTORY = 0x8825;
const OFFSET_TIME_ORIGINAL = 0x9011;
const GPS = { latitudeRef: 1, latitude: 2, longitudeRef: 3, longitude: 4, altitudeRef: 5, altitude: 6 };

/** Maximum entries of a directory; real ones have fewer than 100. */
const MAX_ENTRIES = 1000;
/** Numbers that are read of one entry; a coordinate has 3. */
const MAX_NUMBERS = 4;
/** Characters that are kept of a text. */
const MAX_TEXT = 200;

type Value = string | number[];
type Directory = Map<number, Value>;

/**
 * The known EXIF fields as text and finite numbers, and the place as decimal degrees and metres. Malformed fields are left
 * out; nothing throws. Texts have no control characters and no lone surrogates, so that PostgreSQL's jsonb accepts them.
 *
 * @param bytes an EXIF block, with or without its `Exif\0\0` prefix
 */
export function readExif(bytes: Buffer): Pick<ImageDetails, 'exif' | 'gps'> {
  const tiff = withoutExifPrefix(bytes);
  if (!/^(II|MM)/.test(tiff.toString('latin1', 0, 2))) return {};
  return readTiffExif(readerOf(tiff));
}

/** The same from a TIFF, which holds the fields in its first page's directory. */
export function readTiffExif(reader: TiffReader): Pick<ImageDetails, 'exif' | 'gps'> {
  const directory = (offset: number | undefined) => readDirectory(reader, offset);
  const image = directory(reader.first);
  const photo = directory(numberOf(image.get(PHOTO_DIRECTORY)));
  const exif = { ...pick(image, IMAGE_TAGS), ...pick(photo, PHOTO_TAGS) };
  if ('taken_at' in exif) {
    const takenAt = toIsoTime(String(exif.taken_at), photo.get(OFFSET_TIME_ORIGINAL));
    if (takenAt === undefined) delete exif.taken_at;
    else exif.taken_at = takenAt;
  }
  const gps = toPlace(directory(numberOf(image.get(GPS_DIRECTORY))));
  return {
    ...(Object.keys(exif).length === 0 ? {} : { exif }),
    ...(gps === undefined ? {} : { gps }),
  };
}

/** Pixels per inch that an EXIF block states; undefined if it does not. */
export function densityOfExif(bytes: Buffer | undefined): number | undefined {
  if (bytes === undefined) return undefined;
  const tiff = readerOf(withoutExifPrefix(bytes));
  const image = readDirectory(tiff, tiff.first);
  const [resolution, unit = 2] = [numberOf(image.get(X_RESOLUTION)), numberOf(image.get(RESOLUTION_UNIT))];
  const perInch = { 2: 1, 3: 2.54 }[unit];
  if (resolution === undefined || perInch === undefined || resolution <= 0) return undefined;
  return Math.round(resolution * perInch);
}

/** EXIF data as the TIFF structure that it is. In a JPEG it has a prefix, in a PNG it does not. */
export function withoutExifPrefix(bytes: Buffer): Buffer {
  return bytes.toString('latin1', 0, 6) === 'Exif\0\0' ? bytes.subarray(6) : bytes;
}

/** The TIFF structure of EXIF data with the orientation set to 1, for a picture that has been turned upright. */
export function uprightExif(bytes: Buffer): Buffer {
  const tiff = Buffer.from(withoutExifPrefix(bytes));
  const reader = readerOf(tiff);
  for (const { tag, offset } of reader.directory(reader.first).entries) {
    // A 16-bit number in the byte order of the structure.
    if (tag === ORIENTATION && offset + 2 <= tiff.length)
      tiff.set(tiff[0] === 0x49 ? [1, 0] : [0, 1], offset);
  }
  return tiff;
}

function readerOf(tiff: Buffer): TiffReader {
  return new TiffReader((offset, length) => tiff.subarray(offset, offset + length));
}

/** The values of a directory; empty if it is not in the block. */
function readDirectory(tiff: TiffReader, offset = 0): Directory {
  const entries = offset < 8 ? [] : tiff.directory(offset).entries.slice(0, MAX_ENTRIES);
  return new Map(
    entries
      .filter(({ length }) => length > 0)
      .map((entry) => [entry.tag, entry.type === 2 ? readText(tiff, entry) : readNumbers(tiff, entry)]),
  );
}

/** The first numbers of an entry; NaN if one is cut off or of a type that no known field has. */
function readNumbers(tiff: TiffReader, entry: TiffEntry): number[] {
  const { type, count, length } = entry;
  const size = length / count;
  const bytes = tiff.valuesOf(entry, size * MAX_NUMBERS);
  return Array.from({ length: Math.min(count, MAX_NUMBERS) }, (_, index) =>
    tiff.number(bytes, index * size, type),
  );
}

function pick(directory: Directory, tags: Readonly<Record<number, string>>): Record<string, string | number> {
  const fields: Record<string, string | number> = {};
  for (const [tag, name] of Object.entries(tags)) {
    const value = directory.get(Number(tag));
    const field = typeof value === 'string' ? value || undefined : numberOf(value);
    if (field !== undefined) fields[name] = field;
  }
  return fields;
}

function numberOf(value: Value | undefined): number | undefined {
  const number = typeof value === 'string' ? undefined : value?.[0];
  return Number.isFinite(number) ? number : undefined;
}

/** A text, which ends at the first NUL. EXIF says ASCII, but UTF-8 is common. */
function readText(tiff: TiffReader, entry: TiffEntry): string {
  const bytes = tiff.valuesOf(entry, 4 * MAX_TEXT);
  const end = bytes.indexOf(0);
  const text = new TextDecoder().decode(end === -1 ? bytes : bytes.subarray(0, end));
  const printable = text.replace(/\p{Cc}+/gu, ' ').trim();
  return [...printable].slice(0, MAX_TEXT).join('');
}

/** `2024:05:30 15:56:01` as `2024-05-30T15:56:01`, with the offset (`+02:00`) if there is one. */
function toIsoTime(text: string, offset: Value | undefined): string | undefined {
  const match = /^(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)$/.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  const local = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
  // Cameras write zeros if their clock is not set. Date refuses or shifts these, as it does impossible days.
  const date = new Date(`${local}Z`);
  if (Number.isNaN(date.getTime()) || !date.toISOString().startsWith(local)) return undefined;
  const hasOffset = typeof offset === 'string' && /^[+-]\d\d:\d\d$/.test(offset);
  return hasOffset ? local + offset : local;
}

function toPlace(directory: Directory): ImageDetails['gps'] {
  const latitude = toDegrees(directory.get(GPS.latitude), directory.get(GPS.latitudeRef), 'S', 90);
  const longitude = toDegrees(directory.get(GPS.longitude), directory.get(GPS.longitudeRef), 'W', 180);
  if (latitude === undefined || longitude === undefined) return undefined;
  const metres = numberOf(directory.get(GPS.altitude));
  const isBelowSeaLevel = numberOf(directory.get(GPS.altitudeRef)) === 1;
  return {
    latitude,
    longitude,
    ...(metres === undefined ? {} : { altitude: isBelowSeaLevel ? -metres : metres }),
  };
}

/** Degrees, minutes and seconds as decimal degrees, to 7 places (1 cm). */
function toDegrees(
  value: Value | undefined,
  ref: Value | undefined,
  negativeRef: string,
  limit: number,
): number | undefined {
  if (value === undefined || typeof value === 'string') return undefined;
  // Some writers give seconds of 0/0 if they have none.
  const [degrees = Number.NaN, minutes = 0, seconds = 0] = value;
  const magnitude = degrees + minutes / 60 + (Number.isNaN(seconds) ? 0 : seconds / 3600);
  if (!(magnitude <= limit)) return undefined;
  const sign = typeof ref === 'string' && ref.toUpperCase() === negativeRef ? -1 : 1;
  return Number((sign * magnitude).toFixed(7)) + 0;
}
