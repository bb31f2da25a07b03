import { readFileSync } from 'node:fs';
import t from 'tap';
import { FORMATS, formatOfMediaType, IMAGE_FORMATS, sniffImageFormat } from '../../src/pictures/formats.ts';
import { NO_TEST_DATA, testDataPath } from '../support/test-data.ts';

const ftyp = (major: string, ...compatible: string[]) =>
  Buffer.concat([
    Buffer.from([0, 0, 0, 16 + 4 * compatible.length]),
    Buffer.from(`ftyp${major}\0\0\0\0${compatible.join('')}`, 'latin1'),
  ]);

const CASES: [name: string, head: Buffer, expected: string | undefined][] = [
  ['JPEG', Buffer.from([0xff, 0xd8, 0xff, 0xe0]), 'jpeg'],
  ['PNG', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), 'png'],
  ['PNG damaged by newline conversion', Buffer.from('\x89PNG\n\x1a\n', 'latin1'), undefined],
  ['WebP', Buffer.from('RIFF\x10\0\0\0WEBPVP8 ', 'latin1'), 'webp'],
  ['WAV', Buffer.from('RIFF\x10\0\0\0WAVEfmt ', 'latin1'), undefined],
  ['GIF 87a', Buffer.from('GIF87a'), 'gif'],
  ['GIF 89a', Buffer.from('GIF89a'), 'gif'],
  ['TIFF, little-endian', Buffer.from('II*\0\x08\0\0\0', 'latin1'), 'tiff'],
  ['TIFF, big-endian', Buffer.from('MM\0*\0\0\0\x08', 'latin1'), 'tiff'],
  ['BigTIFF, little-endian', Buffer.from('II+\0\x08\0\0\0', 'latin1'), 'tiff'],
  ['BigTIFF, big-endian', Buffer.from('MM\0+\0\x08\0\0', 'latin1'), 'tiff'],
  ['Canon CR2', Buffer.from('II*\0\x10\0\0\0CR\x02\0', 'latin1'), undefined],
  ['AVIF', ftyp('avif', 'mif1', 'miaf'), 'avif'],
  ['AVIF sequence', ftyp('avis', 'msf1'), 'avif'],
  ['AVIF by a compatible brand', ftyp('mif1', 'miaf', 'avif'), 'avif'],
  ['HEIC', ftyp('heic', 'mif1', 'hevc'), undefined],
  ['HEIF of an unnamed codec', ftyp('mif1', 'heic'), undefined],
  ['avif only as the minor version', Buffer.from('\0\0\0\x10ftypheicavif', 'latin1'), undefined],
  ['MP4', ftyp('isom', 'mp42'), undefined],
  ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), undefined],
  ['PDF', Buffer.from('%PDF-1.7'), undefined],
  ['JPEG 2000', Buffer.from('\0\0\0\x0cjP  \r\n\x87\n', 'latin1'), undefined],
  ['CSV', Buffer.from('depth,col1\n1,2\n'), undefined],
  ['nothing', Buffer.alloc(0), undefined],
  ['the start of a PNG signature', Buffer.from([0x89, 0x50]), undefined],
  ['a file type box cut off', Buffer.from('\0\0\0\x20ftypmi', 'latin1'), undefined],
];

for (const [name, head, expected] of CASES) {
  t.test(`${name} is ${expected ?? 'not accepted'}`, async (t) => {
    t.equal(sniffImageFormat(head), expected);
  });
}

t.test('real files are known by their bytes', { skip: NO_TEST_DATA }, async (t) => {
  const files = {
    'images/photo.avif': 'avif',
    'images/photo.webp': 'webp',
    'images/multipage.tif': 'tiff',
    'images/cielab.tif': 'tiff',
    'images/animated.gif': 'gif',
    'images/cmyk.jpg': 'jpeg',
    'pngsuite/basn0g01.png': 'png',
    'broken/refused.svg': undefined,
  };
  for (const [file, expected] of Object.entries(files)) {
    const head = readFileSync(testDataPath(file));
    t.equal(sniffImageFormat(head), expected, file);
  }
});

t.test('media types name formats', async (t) => {
  for (const format of IMAGE_FORMATS) t.equal(formatOfMediaType(FORMATS[format].mediaType), format);
  t.equal(formatOfMediaType('Image/JPEG; q=0.8'), 'jpeg');
  t.equal(formatOfMediaType('image/svg+xml'), undefined);
});
