import t from 'tap';
import { sniffImageFormat } from '../../src/pictures/formats.ts';
import { unsupportedFormat } from '../../src/pictures/unread-formats.ts';

const ftyp = (brand: string) => `\0\0\0\x18ftyp${brand}\0\0\0\0mif1`;

/** First bytes of files that people send, and what the refusal says. */
const FILES: [head: string, name: RegExp][] = [
  [ftyp('heic'), /HEIC, the format of iPhone pictures, which is not read: send it as JPEG/],
  [ftyp('mif1'), /HEIC/],
  [ftyp('crx '), /a camera raw \(CR3\)/],
  [ftyp('isom'), /a video/],
  ['\xff\x0a\xfa', /JPEG XL/],
  ['\0\0\0\x0cJXL \r\n\x87\n', /JPEG XL/],
  ['\0\0\0\x0cjP  \r\n\x87\n', /JPEG 2000/],
  ['II*\0\x10\0\0\0CR\x02', /a camera raw \(CR2\)/],
  ['FUJIFILMCCD-RAW 0201', /RAF/],
  ['IIRO\x08\0\0\0', /ORF/],
  ['IIU\0\x18\0\0\0', /RW2/],
  ['BM\x36\0\0\0\0\0\0\0', /BMP/],
  ['8BPS\0\x01', /PSD/],
  ['%PDF-1.7', /PDF, which is not read: export its pages/],
  ['%!PS-Adobe-3.0', /PostScript/],
  ['<svg xmlns="http://www.w3.org/2000/svg">', /SVG/],
  ['\xef\xbb\xbf<?xml version="1.0"?>\n<!-- a, b --><svg>', /SVG/],
  ['\0\0\x01\0\x01\0', /ICO/],
  ['v/1\x01\x02', /OpenEXR/],
  ['P6 10 10 255\n', /Netpbm/],
  ['SIMPLE  =                    T', /FITS/],
  ['PK\x03\x04', /a ZIP archive, which is not read: send the pictures in it/],
  ['\x1f\x8b\x08', /compressed with gzip/],
  ['<!DOCTYPE html><html>', /an HTML page/],
  ['{"a": 1}', /JSON/],
  ['/9j/4AAQSkZJRgABAQAAAQABAAD', /base64 text/],
  ['data:image/png;base64,iVBORw0KGgo', /base64 text/],
  [
    'depth,col1,col2\n1,2,3\n',
    /an image log in CSV, which is not read: upload image logs with POST \/upload/,
  ],
  ['DEPT;C1\r\n1;2', /POST \/upload/],
  ['hello', /is text/],
  [
    '\x01\x02\x03\x04',
    /^The file is not in an accepted format; JPEG, PNG, WebP, GIF, TIFF and AVIF are accepted\.$/,
  ],
  ['', /^The file is empty;/],
];

t.test('what is not read is named, with the way out', async (t) => {
  for (const [head, name] of FILES) {
    const bytes = Buffer.from(head, 'latin1');
    t.equal(sniffImageFormat(bytes), undefined, head);
    const { code, detail } = unsupportedFormat(bytes);
    t.equal(code, 'unsupported_image_format', head);
    t.match(detail, name, head);
    t.match(detail, /JPEG, PNG, WebP, GIF, TIFF and AVIF are accepted\.$/, head);
  }
});
