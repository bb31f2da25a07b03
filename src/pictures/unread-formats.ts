import { AppError } from '../core/errors.ts';

const ACCEPTED = 'JPEG, PNG, WebP, GIF, TIFF and AVIF are accepted';
const CONVERT = 'convert it, for example to JPEG or PNG';
const RAW = 'convert it, for example to JPEG or TIFF';

/** The refusal of a file that is recognized but not read. */
export function unsupported(name: string, wayOut = CONVERT): AppError {
  return new AppError(
    'unsupported_image_format',
    `The file is ${name}, which is not read: ${wayOut}. ${ACCEPTED}.`,
  );
}

interface Signature {
  name: string;
  wayOut?: string;
  /** @param head the first 256 bytes, as Latin-1 */
  matches(head: string): boolean;
}

const startsWith =
  (...starts: string[]) =>
  (head: string) =>
    starts.some((start) => head.startsWith(start));

/** ISO base media files tell their kind by brands. */
const hasBrand =
  (...brands: string[]) =>
  (head: string) =>
    head.startsWith('ftyp', 4) && brands.some((brand) => head.startsWith(brand, 8));

/** Formats that people send to image services. */
const SIGNATURES: readonly Signature[] = [
  {
    name: 'HEIC, the format of iPhone pictures',
    wayOut: 'send it as JPEG (on an iPhone: Settings, Camera, Formats, Most Compatible), or convert it',
    matches: hasBrand('heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'mif1', 'msf1'),
  },
  { name: 'a camera raw (CR3)', wayOut: RAW, matches: hasBrand('crx ') },
  { name: 'JPEG XL', matches: startsWith('\xff\x0a', '\0\0\0\x0cJXL ') },
  { name: 'JPEG 2000', matches: startsWith('\0\0\0\x0cjP  ', '\xff\x4f\xff\x51') },
  {
    name: 'a video or another ISO media file',
    wayOut: 'send a picture',
    matches: (head) => head.startsWith('ftyp', 4),
  },
  {
    name: 'a camera raw (CR2)',
    wayOut: RAW,
    matches: (head) => /^(II\*\0|MM\0\*)/.test(head) && head.startsWith('CR', 8),
  },
  { name: 'a camera raw (RAF)', wayOut: RAW, matches: startsWith('FUJIFILMCCD-RAW') },
  { name: 'a camera raw (ORF)', wayOut: RAW, matches: startsWith('IIRO', 'IIRS', 'MMOR') },
  { name: 'a camera raw (RW2)', wayOut: RAW, matches: startsWith('IIU\0') },
  { name: 'a camera raw (X3F)', wayOut: RAW, matches: startsWith('FOVb') },
  { name: 'BMP', matches: (head) => head.startsWith('BM') && head.startsWith('\0\0\0\0', 6) },
  { name: 'PSD, a Photoshop document', wayOut: 'export it, for example as PNG', matches: startsWith('8BPS') },
  { name: 'PDF', wayOut: 'export its pages as pictures', matches: startsWith('%PDF') },
  { name: 'PostScript', wayOut: 'export it as a picture', matches: startsWith('%!PS', '\xc5\xd0\xd3\xc6') },
  {
    name: 'SVG',
    wayOut: 'export it, for example as PNG',
    matches: (head) => /^(?:\xef\xbb\xbf)?\s*</.test(head) && /<svg[\s>]|<!DOCTYPE svg/i.test(head),
  },
  { name: 'ICO', matches: startsWith('\0\0\x01\0', '\0\0\x02\0') },
  { name: 'OpenEXR', matches: startsWith('v/1\x01') },
  { name: 'Radiance HDR', matches: startsWith('#?RADIANCE', '#?RGBE') },
  { name: 'a Netpbm picture', matches: (head) => /^P[1-7]\s/.test(head) },
  { name: 'QOI', matches: startsWith('qoif') },
  { name: 'DDS', matches: startsWith('DDS ') },
  { name: 'MNG', matches: startsWith('\x8aMNG') },
  { name: 'a GIMP picture (XCF)', wayOut: 'export it, for example as PNG', matches: startsWith('gimp xcf') },
  { name: 'FITS', matches: startsWith('SIMPLE  =') },
  { name: 'DICOM', matches: (head) => head.startsWith('DICM', 128) },
  { name: 'a NumPy array', wayOut: 'save it as PNG or TIFF', matches: startsWith('\x93NUMPY') },
  {
    name: 'a ZIP archive',
    wayOut: 'send the pictures in it, one part each',
    matches: startsWith('PK\x03\x04'),
  },
  { name: 'compressed with gzip', wayOut: 'send the picture uncompressed', matches: startsWith('\x1f\x8b') },
  {
    name: 'an HTML page',
    wayOut: 'send the picture itself',
    matches: (head) => /^\s*<(?:!doctype html|html)/i.test(head),
  },
  {
    name: 'JSON',
    wayOut: 'send a picture in a multipart body',
    matches: (head) => /^\s*[{[]\s*["{[\]}]/.test(head),
  },
  {
    name: 'base64 text',
    wayOut: 'send the decoded bytes',
    matches: (head) => /^(?:data:image\/|\/9j\/|iVBORw0KGgo|R0lGOD|UklGR)/.test(head),
  },
  {
    name: 'a table of text, such as an image log in CSV',
    wayOut: 'upload image logs with POST /upload',
    matches: (head) => isText(head) && /^[^\r\n]*[,;\t]/.test(head),
  },
  { name: 'text', wayOut: 'send a picture', matches: isText },
];

function isText(head: string): boolean {
  // Bytes from 0x80 on are UTF-8 or Latin-1.
  return head !== '' && !/[^\t\r\n\x20-\x7e\x80-\xff]/.test(head);
}

/**
 * The refusal of bytes that `sniffImageFormat` does not accept. It names the format if it is a known one, and what to do.
 *
 * @param head the first 256 bytes of the file, or all of a shorter one
 */
export function unsupportedFormat(head: Uint8Array): AppError {
  if (head.length === 0) return new AppError('unsupported_image_format', `The file is empty; ${ACCEPTED}.`);
  const text = Buffer.from(head).toString('latin1');
  const known = SIGNATURES.find(({ matches }) => matches(text));
  if (known !== undefined) return unsupported(known.name, known.wayOut);
  return new AppError('unsupported_image_format', `The file is not in an accepted format; ${ACCEPTED}.`);
}
