import sharp from 'sharp';
import t from 'tap';
import { findColormap } from '../../../src/frames/rows/colormap.ts';
import { isMasked, maskStride, setMasked } from '../../../src/frames/rows/null-mask.ts';
import { RowPngEncoder } from '../../../src/frames/rows/png-row.ts';
import { createRandom } from '../support.ts';

/** The PNG file of a row without missing pixels. */
function encodeRow(pixels: Uint8Array, table: Uint8Array): Buffer {
  return new RowPngEncoder(table).encode(pixels, 0, pixels.length);
}

/** The row as sharp decodes it, and as it should be: RGBA. */
async function decode(png: Buffer) {
  const { data, info } = await sharp(png, { failOn: 'warning' })
    .toColourspace('srgb')
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}

function expected(pixels: Uint8Array, table: Uint8Array, mask: Uint8Array | null): Buffer {
  return Buffer.from(
    [...pixels].flatMap((level, x) =>
      mask && isMasked(mask, 0, x) ? [-1, 0, 0, 0] : [...table.subarray(3 * level, 3 * level + 3), 255],
    ),
  );
}

/** Missing pixels have no colour of interest, only no opacity. */
function clearMissing(data: Buffer): Buffer {
  for (let at = 0; at < data.length; at += 4) if (data[at + 3] === 0) data.set([255, 0, 0], at);
  return data;
}

t.test('every kind of row decodes to its colours', async (t) => {
  const random = createRandom(31);
  const cases: [name: string, width: number, levels: number][] = [
    ['one colour', 150, 1],
    ['two colours: 1 bit', 150, 2],
    ['three colours: 2 bits', 149, 3],
    ['16 colours: 4 bits', 151, 16],
    ['17 colours', 150, 17],
    ['all colours, wide: palette', 2000, 256],
    ['all colours, narrow: RGB', 150, 256],
    ['one pixel', 1, 256],
    ['10,000 pixels', 10_000, 256],
    ['stored to the limit', 1023, 40],
    ['deflated from there', 1024, 40],
  ];
  for (const name of ['core', 'grey', 'turbo_r']) {
    const { table } = findColormap(name);
    const encoder = new RowPngEncoder(table);
    for (const [kind, width, levels] of cases) {
      const choice = Array.from({ length: levels }, (_, level) =>
        levels === 256 ? level : random.below(256),
      );
      const pixels = Uint8Array.from({ length: width }, () => random.pick(choice));
      const mask = new Uint8Array(maskStride(width));
      for (let x = 0; x < width; x++) if (random.chance(0.3)) setMasked(mask, 0, x);
      for (const nulls of [null, mask, new Uint8Array(maskStride(width)).fill(255)]) {
        const png = encoder.encode(pixels, 0, width, nulls);
        const { data, ...size } = await decode(png);
        t.same(size, { width, height: 1 });
        t.ok(
          clearMissing(data).equals(expected(pixels, table, nulls)),
          `${name}: ${kind}${nulls ? ', missing pixels' : ''}`,
        );
        const base64 = Buffer.alloc(3 + RowPngEncoder.maxBase64Bytes(width));
        const end = encoder.writeBase64(base64, 3, pixels, 0, width, nulls);
        t.equal(base64.toString('latin1', 3, end), png.toString('base64'));
      }
    }
  }
});

t.test('a row within packed rows', async (t) => {
  const { table } = findColormap('core');
  const pixels = Uint8Array.of(1, 2, 3, 4, 5, 6);
  t.same(new RowPngEncoder(table).encode(pixels, 2, 3), encodeRow(pixels.subarray(2, 5), table));
});

t.test('a row of 150 pixels is smaller than deflated RGB', async (t) => {
  const { table } = findColormap('core');
  const random = createRandom(7);
  // 29 levels are what rows of a log have on average after resampling.
  const pixels = Uint8Array.from({ length: 150 }, () => 100 + random.below(29));
  t.ok(encodeRow(pixels, table).length <= 318);
  t.equal(encodeRow(pixels, findColormap('grey').table).length, 219);
});
