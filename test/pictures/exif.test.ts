import sharp from 'sharp';
import t from 'tap';
import { readExif } from '../../src/pictures/exif.ts';
import { seededRandom } from '../../src/segmentation/methods/random.ts';

type Entry = [tag: number, type: number, count: number, value: Buffer];

const ascii = (tag: number, text: string | Buffer): Entry => {
  const bytes = Buffer.isBuffer(text) ? text : Buffer.from(`${text}\0`);
  return [tag, 2, bytes.length, bytes];
};
const rationals = (tag: number, ...numbers: [number, number][]): Entry => {
  const bytes = Buffer.alloc(numbers.length * 8);
  numbers.forEach(([numerator, denominator], i) => {
    bytes.writeUInt32BE(numerator, i * 8);
    bytes.writeUInt32BE(denominator, i * 8 + 4);
  });
  return [tag, 5, numbers.length, bytes];
};

/** A big-endian EXIF block with an image, a photo and a GPS directory. */
function makeExif(image: Entry[], photo: Entry[] = [], gps: Entry[] = []): Buffer {
  const size = (entries: Entry[]) =>
    6 + entries.reduce((sum, [, , , value]) => sum + 12 + (value.length > 4 ? value.length : 0), 0);
  const photoAt = 8 + size(image) + 24;
  const gpsAt = photoAt + size(photo);
  const link = (tag: number, offset: number): Entry => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(offset);
    return [tag, 4, 1, bytes];
  };
  const write = (entries: Entry[], at: number) => {
    const block = Buffer.alloc(size(entries));
    block.writeUInt16BE(entries.length, 0);
    let data = 6 + entries.length * 12;
    entries.forEach(([tag, type, count, value], i) => {
      const entry = 2 + i * 12;
      block.writeUInt16BE(tag, entry);
      block.writeUInt16BE(type, entry + 2);
      block.writeUInt32BE(count, entry + 4);
      if (value.length <= 4) {
        value.copy(block, entry + 8);
      } else {
        block.writeUInt32BE(at + data, entry + 8);
        value.copy(block, data);
        data += value.length;
      }
    });
    return block;
  };
  const links = [link(0x8769, photoAt), link(0x8825, gpsAt)];
  const head = Buffer.from('Exif\0\0MM\0*\0\0\0\x08', 'latin1');
  return Buffer.concat([head, write([...image, ...links], 8), write(photo, photoAt), write(gps, gpsAt)]);
}

t.test(
  'known fields are read, times as local time with their offset, places as decimal degrees',
  async (t) => {
    const bytes = makeExif(
      [ascii(0x010f, 'Nikon'), ascii(0x0110, 'D70 '), ascii(0x9999, 'unknown')],
      [
        ascii(0x9003, '2024:05:30 15:56:01'),
        ascii(0x9011, '+02:00'),
        rationals(0x829a, [1, 640]),
        rationals(0x829d, [56, 10]),
        [0x8827, 3, 1, Buffer.from([1, 144])],
      ],
      [
        ascii(1, 'S'),
        rationals(2, [33, 1], [51, 1], [3600, 100]),
        ascii(3, 'E'),
        rationals(4, [151, 1], [12, 1], [0, 0]),
        [5, 1, 1, Buffer.from([1])],
        rationals(6, [25, 2]),
      ],
    );
    t.same(readExif(bytes), {
      exif: {
        make: 'Nikon',
        model: 'D70',
        exposure: 1 / 640,
        f_number: 5.6,
        iso: 400,
        taken_at: '2024-05-30T15:56:01+02:00',
      },
      gps: { latitude: -33.86, longitude: 151.2, altitude: -12.5 },
    });
    t.same(readExif(bytes.subarray(6)), readExif(bytes), 'with and without its prefix');
  },
);

t.test('what cannot be shown is left out or made harmless', async (t) => {
  const texts: [name: string, bytes: Buffer, expected: string | undefined][] = [
    ['ends at NUL', Buffer.from('a\0b'), 'a'],
    ['control characters', Buffer.from('a\x07\x1b[31mb\n'), 'a [31mb'],
    ['UTF-8', Buffer.from('Zoë 📷\0'), 'Zoë 📷'],
    ['Latin-1', Buffer.from('Zo\xeb\0', 'latin1'), 'Zo\ufffd'],
    ['CESU surrogate', Buffer.from([0x61, 0xed, 0xa0, 0x80, 0x62]), 'a\ufffd\ufffd\ufffdb'],
    ['too long', Buffer.from('📷'.repeat(5000)), '📷'.repeat(200)],
    ['only blanks', Buffer.from('   \0'), undefined],
  ];
  for (const [name, bytes, expected] of texts) {
    const { exif } = readExif(makeExif([ascii(0x010f, bytes)]));
    t.equal(exif?.make, expected, name);
    t.ok(String(exif?.make).isWellFormed(), name);
  }
  const photo = (...entries: Entry[]) => readExif(makeExif([], entries)).exif;
  t.equal(photo(rationals(0x829a, [1, 0])), undefined, 'an infinite exposure');
  t.equal(photo(rationals(0x829a, [0, 0])), undefined, 'a NaN exposure');
  for (const time of ['0000:00:00 00:00:00', '2024:02:31 10:00:00', 'yesterday', '2024:05:30 25:00:00']) {
    t.equal(photo(ascii(0x9003, time)), undefined, time);
  }
  const far = [ascii(1, 'N'), rationals(2, [91, 1]), ascii(3, 'E'), rationals(4, [1, 1])];
  t.equal(readExif(makeExif([], [], far)).gps, undefined, 'a latitude of 91°');
});

t.test(
  '4,000 overlapping entries of the whole block cost nothing (they cost exif-reader gigabytes)',
  async (t) => {
    const bytes = Buffer.alloc(65_000);
    bytes.write('II*\0\x08\0\0\0', 'latin1');
    bytes.writeUInt16LE(4000, 8);
    for (let i = 0; i < 4000; i += 1) {
      bytes.writeUInt16LE(1000 + i, 10 + i * 12);
      bytes.writeUInt16LE(1, 12 + i * 12);
      bytes.writeUInt32LE(0xffffffff, 14 + i * 12);
    }
    const start = performance.now();
    t.same(readExif(bytes), {});
    t.ok(performance.now() - start < 200);
  },
);

t.test('no mutation of a good block throws or gives what jsonb refuses', async (t) => {
  const random = seededRandom(7);
  const good = makeExif(
    [ascii(0x010f, 'Nikon'), ascii(0x0131, 'Software 1.0')],
    [ascii(0x9003, '2024:05:30 15:56:01'), rationals(0x829a, [1, 640])],
    [
      ascii(1, 'S'),
      rationals(2, [33, 1], [51, 1], [0, 1]),
      ascii(3, 'E'),
      rationals(4, [1, 1], [1, 1], [1, 1]),
    ],
  );
  for (let round = 0; round < 3000; round += 1) {
    const bytes = Buffer.from(good.subarray(0, Math.ceil(random() * good.length)));
    for (let flips = random() * 6; flips > 0; flips -= 1) {
      bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
    }
    const text = JSON.stringify(readExif(bytes));
    if (/\\u0000|\\ud[89a-f]|null/.test(text)) t.fail(`round ${round}: ${text}`);
  }
});

t.test('what sharp writes is read back', async (t) => {
  const jpeg = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
    .withExif({ IFD0: { Make: 'Leica', Copyright: 'Anna' }, IFD2: { FNumber: '28/10' } })
    .jpeg()
    .toBuffer();
  const { exif } = await sharp(jpeg).metadata();
  t.match(readExif(exif ?? Buffer.alloc(0)).exif, { make: 'Leica', copyright: 'Anna', f_number: 2.8 });
});
