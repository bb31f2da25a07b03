import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import t from 'tap';
import { readExif } from '../../src/pictures/exif.ts';
import { FORMATS, IMAGE_FORMATS, sniffImageFormat } from '../../src/pictures/formats.ts';
import { decodePixels, differenceOf, looksLike, matchPixels, pixelAt } from '../support/images.ts';
import { needsTestData, testDataPath } from '../support/test-data.ts';
import { sourceOf } from './fixtures.ts';
import { paintFile, transform } from './run.ts';

/** What of a result is read back: its bytes are of the format, and the file says what the result says. */
async function headerOf(file: string) {
  return { pages: 1, ...(await sharp(file).metadata()), format: sniffImageFormat(readFileSync(file)) };
}

/** How far apart 16×16 averages may be: lossy formats, 256 colours, and sharp edges that move a little. */
const TOLERANCE = { jpeg: 14, png: 12, webp: 14, gif: 40, tiff: 12, avif: 16 } as const;

t.test('each format in, each format out, on real pictures', needsTestData('images'), async (t) => {
  const folder = t.testdir();
  for (const name of readdirSync(testDataPath('images'))) {
    const file = testDataPath('images', name);
    const header = await sharp(file).metadata();
    const isAnimated = ['gif', 'webp'].includes(header.format) && (header.pages ?? 1) > 1;
    const onBackground = (background: string) =>
      sharp(file, { autoOrient: true })
        .flatten({ background })
        .resize(480, 480, { fit: 'inside' })
        .png()
        .toBuffer();
    const [onGrey, onWhite] = [await onBackground('#808080'), await onBackground('#ffffff')];
    for (const format of IMAGE_FORMATS) {
      const input = isAnimated && !FORMATS[format].animation ? { page: 0 } : {};
      const most = format === 'avif' ? 240 : 480;
      const operations = [
        { op: 'resize', width: most, height: most, fit: 'inside', without_enlargement: true },
      ];
      const output = { format, ...(format === 'avif' ? { effort: 1 } : {}) };
      const result = await transform(folder, file, { operations, input, output });
      const found = await headerOf(result.path);
      const scale = Math.min(1, most / Math.max(header.autoOrient.width, header.autoOrient.height));
      t.match(
        found,
        {
          format,
          width: result.width,
          height: result.height,
          hasAlpha: result.has_alpha,
          pages: result.pages,
          exif: undefined,
          xmp: undefined,
          icc: undefined,
        },
        `${name} to ${format}: says what it is`,
      );
      t.ok(
        Math.abs(result.width - header.autoOrient.width * scale) <= 1,
        `${name} to ${format}: ${result.width} wide`,
      );
      await looksLike(
        t,
        result.path,
        FORMATS[format].alpha ? onGrey : onWhite,
        TOLERANCE[format],
        `${name} to ${format}`,
      );
    }
  }
});

t.test('lossless formats keep every pixel', async (t) => {
  const folder = t.testdir();
  for (const channels of [3, 4] as const) {
    const file = await paintFile(folder, `source-${channels}.png`, { channels });
    const wanted = await decodePixels(file);
    for (const output of [
      { format: 'png' },
      { format: 'png', progressive: true, compression_level: 9 },
      { format: 'webp', lossless: true },
      { format: 'tiff' },
      { format: 'tiff', compression: 'deflate' },
      { format: 'tiff', compression: 'none' },
      { format: 'tiff', compression: 'packbits' },
    ]) {
      const result = await transform(folder, file, { output });
      t.equal(
        differenceOf(await decodePixels(result.path), wanted).max,
        0,
        `${channels} channels, ${JSON.stringify(output)}`,
      );
    }
    const avif = await transform(folder, file, { output: { format: 'avif', lossless: true, effort: 1 } });
    matchPixels(
      t,
      await decodePixels(avif.path),
      wanted,
      { mean: 1, max: 3 },
      `${channels} channels, lossless AVIF up to its YCbCr`,
    );
  }
});

t.test('encoding options have the effect that they say', async (t) => {
  const folder = t.testdir();
  const file = await paintFile(folder, 'source.png', { width: 200, height: 150 });
  const run = (output: object) => transform(folder, file, { output });
  for (const format of ['jpeg', 'webp', 'avif']) {
    const [low, high] = [await run({ format, quality: 20 }), await run({ format, quality: 95 })];
    t.ok(low.size < high.size, `${format}: lower quality is smaller`);
  }
  t.ok(
    (await run({ format: 'jpeg', mozjpeg: true })).size < (await run({ format: 'jpeg' })).size,
    'mozjpeg is smaller',
  );
  t.match(await sharp((await run({ format: 'jpeg', progressive: true })).path).metadata(), {
    isProgressive: true,
  });
  t.match(await sharp((await run({ format: 'jpeg', chroma_subsampling: '4:4:4' })).path).metadata(), {
    chromaSubsampling: '4:4:4',
  });
  t.match(await sharp((await run({ format: 'png', palette: true, colors: 8 })).path).metadata(), {
    isPalette: true,
  });
  t.match(await sharp((await run({ format: 'png', progressive: true })).path).metadata(), {
    isProgressive: true,
  });
  t.ok(
    (await run({ format: 'png', compression_level: 0 })).size > (await run({ format: 'png' })).size,
    'no compression is larger',
  );
  const few = new Set<number>();
  const { data } = await decodePixels((await run({ format: 'gif', colors: 4, dither: 0 })).path);
  for (let index = 0; index < data.length; index += 4) few.add(data.readUInt32BE(index));
  t.ok(few.size <= 4, `${few.size} colours in a GIF of 4`);
});

t.test('the result is the file, also where there was a longer one', async (t) => {
  const folder = t.testdir();
  const file = await paintFile(folder, 'source.png');
  const older = (name: string) => {
    const outputPath = path.join(folder, name);
    writeFileSync(outputPath, Buffer.alloc(8_000_000, 'older'));
    return { outputPath };
  };
  const small = await transform(folder, file, { output: { format: 'jpeg' } }, older('small'));
  // Above 24 megapixels it is written without a buffer.
  const enlarged = { op: 'resize', width: 6100, height: 4000, fit: 'fill', kernel: 'nearest' };
  const large = await transform(
    folder,
    file,
    { operations: [enlarged], output: { format: 'jpeg' } },
    older('large'),
  );
  for (const result of [small, large]) {
    const bytes = readFileSync(result.path);
    t.equal(result.sha256, createHash('sha256').update(bytes).digest('hex'));
    t.equal(result.size, bytes.length);
    t.match(await sharp(bytes).metadata(), { width: result.width, height: result.height });
  }
});

t.test('transparency lies on the matte if a format has none', async (t) => {
  const folder = t.testdir();
  const file = path.join(folder, 'clear.png');
  await sharp({ create: { width: 40, height: 40, channels: 4, background: '#ff000000' } }).toFile(file);
  const cases: [object[], object, number[]][] = [
    [[], { format: 'jpeg' }, [255, 255, 255]],
    [[], { format: 'jpeg', matte: '#0000ff' }, [0, 0, 255]],
    [[{ op: 'resize', width: 20 }], { format: 'jpeg', matte: '#0000ff' }, [0, 0, 255]],
    [[{ op: 'rotate', angle: 20 }], { format: 'tiff', compression: 'jpeg', matte: '#00ff00' }, [0, 255, 0]],
  ];
  for (const [operations, output, color] of cases) {
    const result = await transform(folder, file, { operations, output });
    t.equal(result.has_alpha, false);
    const found = pixelAt(await decodePixels(result.path), 5, 5);
    t.ok(
      color.every((value, band) => Math.abs(value - (found[band] ?? 0)) <= 3),
      `${JSON.stringify(output)} is ${found}`,
    );
  }
  const opaque = await paintFile(folder, 'opaque.png');
  const corner = await transform(folder, opaque, {
    operations: [{ op: 'rotate', angle: 45 }],
    output: { format: 'jpeg', matte: '#0000ff' },
  });
  const [r = 0, , b = 0] = pixelAt(await decodePixels(corner.path), 2, 2);
  t.ok(b > 240 && r < 15, 'corners that an operation made transparent');
});

t.test('grey pictures stay in one channel, where the format has that', async (t) => {
  const folder = t.testdir();
  const grey = path.join(folder, 'grey.png');
  await sharp(await paintFile(folder, 'source.png'))
    .toColourspace('b-w')
    .toFile(grey);
  const channels = async (operations: object[], format: string) =>
    (await transform(folder, grey, { operations, output: { format } })).channels;
  for (const format of ['jpeg', 'png', 'tiff']) {
    t.equal(await channels([], format), 1, format);
    t.equal(
      await channels([{ op: 'resize', width: 20 }, { op: 'negate' }], format),
      1,
      `${format}, two operations`,
    );
    t.equal(await channels([{ op: 'tint', color: '#ff0000' }], format), 3, `${format}, tinted`);
  }
  t.equal(
    await channels([{ op: 'extend', left: 1, background: '#ff000080' }], 'png'),
    4,
    'a coloured border',
  );
  t.equal(
    await channels([{ op: 'extend', left: 1, background: '#77777780' }], 'png'),
    2,
    'a grey border with alpha',
  );
});

const ORIENTATIONS = [1, 3, 6, 8];
t.test(
  'EXIF orientations give the same upright picture',
  needsTestData('images/exif-orientation-1.jpg'),
  async (t) => {
    const folder = t.testdir();
    const steps: object[][] = [
      [],
      [{ op: 'resize', width: 300 }],
      [{ op: 'resize', width: 200, height: 200, position: 'northwest' }],
      [{ op: 'resize', width: 200, height: 300, position: 'attention' }],
      [{ op: 'resize', width: 320, height: 300, fit: 'contain', background: '#ff0000' }],
      [{ op: 'crop', left: 30, top: 60, width: 500, height: 400 }],
      [
        { op: 'rotate', angle: 90 },
        { op: 'resize', width: 100 },
      ],
      [{ op: 'flip' }],
      [{ op: 'trim' }],
    ];
    for (const operations of steps) {
      const results = await Promise.all(
        ORIENTATIONS.map((orientation) =>
          transform(folder, testDataPath('images', `exif-orientation-${orientation}.jpg`), {
            operations,
            output: { format: 'png', compression_level: 1 },
          }),
        ),
      );
      const [upright] = results;
      if (upright === undefined) throw new Error('no result');
      for (const [index, result] of results.entries()) {
        const name = `${JSON.stringify(operations)}, orientation ${ORIENTATIONS[index]}`;
        t.match(result, { width: upright.width, height: upright.height }, name);
        // Each file shows its own number.
        await looksLike(t, result.path, upright.path, 24, name);
      }
    }
  },
);

/** The eight orientations of a small picture, with metadata. */
async function taggedFile(folder: string, orientation: number): Promise<string> {
  const file = path.join(folder, `tagged-${orientation}.jpg`);
  const bytes = await sharp(await paintFile(folder, 'plain.png'))
    .withExif({
      IFD0: { Make: 'Coreframe', Copyright: 'someone' },
      IFD3: {
        GPSLatitudeRef: 'N',
        GPSLatitude: '51/1 30/1 0/1',
        GPSLongitudeRef: 'W',
        GPSLongitude: '0/1 15/1 0/1',
      },
    })
    .withXmp(
      '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>',
    )
    .withMetadata({ orientation })
    .jpeg({ quality: 100, chromaSubsampling: '4:4:4' })
    .toBuffer();
  writeFileSync(file, bytes);
  return file;
}

t.test('auto_orient turns by all eight orientations, and not where it is off', async (t) => {
  const folder = t.testdir();
  for (let orientation = 1; orientation <= 8; orientation += 1) {
    const file = await taggedFile(folder, orientation);
    for (const operations of [[], [{ op: 'negate' }], [{ op: 'resize', width: 50 }]]) {
      const result = await transform(folder, file, { operations, output: { format: 'png' } });
      const turned = await sharp(file).autoOrient().png().toBuffer();
      const byHand = await transform(folder, await saved(folder, turned), {
        operations,
        output: { format: 'png' },
      });
      matchPixels(
        t,
        await decodePixels(result.path),
        await decodePixels(byHand.path),
        { mean: 2, max: 24 },
        `orientation ${orientation}, ${operations.length}`,
      );
      t.equal((await headerOf(result.path)).exif, undefined);
    }
    const raw = await transform(folder, file, { input: { auto_orient: false }, output: { format: 'png' } });
    t.equal(differenceOf(await decodePixels(raw.path), await decodePixels(file)).max, 0, 'as stored');
  }
});

async function saved(folder: string, bytes: Buffer): Promise<string> {
  const file = path.join(folder, 'turned.png');
  writeFileSync(file, bytes);
  return file;
}

t.test('metadata is stripped unless asked for', async (t) => {
  const folder = t.testdir();
  const file = await taggedFile(folder, 6);
  const chains: object[][] = [
    [],
    [{ op: 'resize', width: 30 }],
    [{ op: 'flip' }],
    [{ op: 'flip' }, { op: 'grayscale' }],
  ];
  for (const operations of chains) {
    for (const format of ['jpeg', 'png', 'webp', 'avif', 'tiff']) {
      const name = `${format} after ${operations.length} operations`;
      const bare = await transform(folder, file, { operations, output: { format } });
      t.match(
        await headerOf(bare.path),
        { exif: undefined, xmp: undefined, icc: undefined },
        `${name}: none`,
      );
      t.notOk(/Coreframe|someone|GPS/.test(readFileSync(bare.path, 'latin1')), `${name}: no trace of it`);
      const full = await transform(folder, file, { operations, output: { format, keep_metadata: true } });
      const header = await sharp(full.path).metadata();
      t.ok(header.xmp !== undefined, `${name}: XMP`);
      t.equal(header.orientation ?? 1, 1, `${name}: upright`);
      if (format === 'tiff') continue;
      const found = readExif(header.exif ?? Buffer.alloc(0));
      t.match(
        found,
        { exif: { make: 'Coreframe' }, gps: { latitude: 51.5, longitude: -0.25 } },
        `${name}: EXIF`,
      );
      matchPixels(
        t,
        await decodePixels(full.path),
        await decodePixels(bare.path),
        { mean: 0.5, max: 6 },
        `${name}: the same pixels`,
      );
    }
  }
});

t.test('colours are converted to sRGB, or kept with their profile', async (t) => {
  const folder = t.testdir();
  const p3 = path.join(folder, 'p3.png');
  const source = await paintFile(folder, 'source.png');
  await sharp(source).withIccProfile('p3').toFile(p3);
  const wanted = await decodePixels(source);
  for (const operations of [[], [{ op: 'flip' }, { op: 'flip' }]]) {
    const converted = await transform(folder, p3, { operations });
    t.equal((await headerOf(converted.path)).icc, undefined);
    matchPixels(t, await decodePixels(converted.path), wanted, { mean: 1, max: 8 }, 'back in sRGB');
    const kept = await transform(folder, p3, { operations, output: { color_profile: 'keep' } });
    t.same((await headerOf(kept.path)).icc, (await sharp(p3).metadata()).icc, 'the same profile');
    t.equal(
      differenceOf(
        await decodePixels(kept.path, { ignoreIcc: true }),
        await decodePixels(p3, { ignoreIcc: true }),
      ).max,
      0,
      'the same values',
    );
  }
  const deep = path.join(folder, 'deep.png');
  await sharp(source).toColourspace('rgb16').withIccProfile('p3').toFile(deep);
  for (const operations of [[], [{ op: 'flip' }, { op: 'flip' }]]) {
    const result = await transform(folder, deep, { operations });
    matchPixels(
      t,
      await decodePixels(result.path),
      wanted,
      { mean: 1, max: 8 },
      '16-bit with a wide profile',
    );
  }
});

t.test('sources of every kind of pixel', needsTestData('images/cmyk.jpg'), async (t) => {
  const folder = t.testdir();
  for (const name of ['cmyk.jpg', 'cielab.tif', '16bit-grey-alpha.png', 'multipage.tif']) {
    const file = testDataPath('images', name);
    t.ok(sourceOf(file));
    // The same by one stage and by several.
    const one = await transform(folder, file, {
      operations: [{ op: 'resize', width: 100 }],
      output: { format: 'png' },
    });
    const more = await transform(folder, file, {
      operations: [{ op: 'negate' }, { op: 'negate' }, { op: 'resize', width: 100 }],
      output: { format: 'png' },
    });
    await looksLike(t, more.path, one.path, 8, name);
    t.equal(more.channels, one.channels, `${name}: channels`);
  }
});

t.test('undecodable files are a clear failure', async (t) => {
  const folder = t.testdir();
  const whole = readFileSync(await paintFile(folder, 'whole.jpg', { width: 300, height: 200 }));
  const cut = path.join(folder, 'cut.jpg');
  writeFileSync(cut, whole.subarray(0, whole.length / 2));
  for (const operations of [[], [{ op: 'resize', width: 100 }], [{ op: 'flip' }, { op: 'flop' }]]) {
    await t.rejects(transform(folder, cut, { operations }), { code: 'undecodable_image' });
  }
  const overlay = { op: 'composite', overlay: { image_id: 'a' } };
  const whereWhole = path.join(folder, 'whole.jpg');
  await t.rejects(
    transform(folder, whereWhole, { operations: [overlay] }, { inputs: { 'image:a': sourceOf(cut) } }),
    { code: 'undecodable_image' },
  );
});

t.test('what is told of a result is what its file holds, also where its alpha is opaque', async (t) => {
  const folder = t.testdir();
  const file = path.join(folder, 'opaque.png');
  await sharp({ create: { width: 9, height: 7, channels: 4, background: '#c8320aff' } })
    .png()
    .toFile(file);
  for (const format of IMAGE_FORMATS) {
    for (const lossless of format === 'webp' ? [false, true] : [false]) {
      const output = { format, ...(lossless ? { lossless } : {}) };
      const result = await transform(folder, file, { output });
      const { channels, hasAlpha } = await sharp(result.path).metadata();
      t.match(result, { channels, has_alpha: hasAlpha }, `${format}${lossless ? ', lossless' : ''}`);
    }
  }
});
