import { writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import t from 'tap';

const SVG = Buffer.from(
  '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"><rect width="4" height="4"/></svg>',
);

const REFUSED: Record<string, Buffer> = {
  'picture.svg': SVG,
  'picture.pdf': Buffer.from('%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF'),
  'picture.heic': Buffer.from('\0\0\0\x18ftypheic\0\0\0\0heicmif1', 'latin1'),
  'picture.jp2': Buffer.from('\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 \0\0\0\0jp2 ', 'latin1'),
  'picture.jxl': Buffer.from([0xff, 0x0a, 0x10, 0xb0, 0x13, 0x00]),
  'picture.ppm': Buffer.from('P6\n2 2\n255\n000000000000'),
  'picture.hdr': Buffer.from('#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 1\n0000'),
  'picture.fits': Buffer.from('SIMPLE  =                    T'.padEnd(2880)),
  'picture.csv': Buffer.from('1,2,3\n4,5,6\n'),
  'picture.mat': Buffer.from('2 2\n1 2\n3 4\n'),
  'picture.v': Buffer.concat([Buffer.from([0xb6, 0xa6, 0xf2, 0x08]), Buffer.alloc(200)]),
  'picture.raw': Buffer.alloc(64, 7),
};

t.test('only the accepted formats can be loaded', async (t) => {
  t.equal((await sharp(SVG).metadata()).format, 'svg', 'the SVG is a good one');
  await import('../../src/pictures/restrict-loaders.ts');

  const folder = t.testdir();
  for (const [name, bytes] of Object.entries(REFUSED)) {
    const file = path.join(folder, name);
    writeFileSync(file, bytes);
    await t.rejects(sharp(file).metadata(), /unsupported image format|corrupt header/, `${name} as a file`);
    await t.rejects(sharp(bytes).metadata(), /unsupported image format|corrupt header/, `${name} as bytes`);
  }

  const picture = sharp({ create: { width: 8, height: 6, channels: 3, background: 'teal' } });
  for (const format of ['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif'] as const) {
    const file = path.join(folder, `accepted.${format}`);
    const bytes = await picture.clone().toFormat(format).toBuffer();
    writeFileSync(file, bytes);
    for (const source of [file, bytes]) {
      const { width, height } = await sharp(source).metadata();
      t.same([width, height], [8, 6], format);
    }
  }
  t.equal(sharp.concurrency(), 1);
  t.equal(sharp.cache().items.max, 0);
});
