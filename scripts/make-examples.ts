/** Makes the files in `examples/` anew: a photo, a scan and an image log. Usage: node scripts/make-examples.ts [FOLDER] */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { seededRandom } from '../src/segmentation/methods/random.ts';

/** The outline of a range of hills, as an SVG path that is closed at the bottom. */
function hills(width: number, height: number, base: number, size: number, seed: number): string {
  const random = seededRandom(seed);
  const waves = Array.from({ length: 5 }, (_, octave) => ({
    height: size / 2 ** octave,
    length: width / (1.3 * 2 ** octave),
    phase: random() * 2 * Math.PI,
  }));
  const points: string[] = [];
  for (let x = 0; x <= width; x += 4) {
    const y = waves.reduce(
      (sum, wave) => sum - wave.height * Math.sin((2 * Math.PI * x) / wave.length + wave.phase),
      base,
    );
    points.push(`${x},${y.toFixed(1)}`);
  }
  return `M0,${height} L${points.join(' L')} L${width},${height} Z`;
}

/** An evening over hills, with the grain and the EXIF data of a camera. */
async function makePhoto(): Promise<Buffer> {
  const [width, height] = [1500, 1000];
  const ranges = ['#b98b96', '#8d6d86', '#5c5072', '#2c2d4c'].map(
    (color, index) =>
      `<path fill="${color}" d="${hills(width, height, 520 + 110 * index, 46 + 8 * index, 7 + index)}"/>`,
  );
  const picture = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
    <linearGradient id="sky" x2="0" y2="1">
      <stop offset="0" stop-color="#3f5f8f"/><stop offset="0.45" stop-color="#d99a7c"/><stop offset="0.7" stop-color="#f6d8a8"/>
    </linearGradient>
    <rect width="100%" height="100%" fill="url(#sky)"/>
    <circle cx="1040" cy="330" r="78" fill="#fff3d6"/>${ranges.join('')}
  </svg>`;
  const random = seededRandom(1);
  const grain = Buffer.from(
    Array.from({ length: (width * height) / 4 }, () => 118 + Math.round(20 * random())),
  );
  const noise = await sharp(grain, { raw: { width: width / 2, height: height / 2, channels: 1 } })
    .resize(width, height, { kernel: 'cubic' })
    .toColourspace('srgb')
    .png()
    .toBuffer();
  return sharp(Buffer.from(picture))
    .composite([{ input: noise, blend: 'soft-light' }])
    .withExif({ IFD0: { Make: 'Coreframe', Model: 'Example', DateTime: '2026:06:21 21:04:00' } })
    .jpeg({ quality: 82 })
    .toBuffer();
}

/** A scanned page: lines of dark words on paper that is not quite white, slightly askew. */
async function makeScan(): Promise<Buffer> {
  const [width, height] = [1240, 1754];
  const random = seededRandom(2);
  const words: string[] = [];
  for (let y = 260; y < height - 200; y += 44) {
    const end = random() < 0.15 ? 400 + 500 * random() : width - 140;
    for (let x = 140; x < end; ) {
      const length = 24 + 110 * random();
      if (x + length > width - 140) break;
      words.push(`<rect x="${x.toFixed(0)}" y="${y}" width="${length.toFixed(0)}" height="15" rx="5"/>`);
      x += length + 16;
    }
  }
  const page = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
    <rect width="100%" height="100%" fill="#f1eee6"/>
    <g fill="#26221f" transform="rotate(0.6 620 877)"><rect x="140" y="150" width="520" height="38" rx="6"/>${words.join('')}</g>
  </svg>`;
  return sharp(Buffer.from(page)).grayscale().png({ palette: true, colors: 16 }).toBuffer();
}

const DEPTHS = 300;
const COLUMNS = 200;

/** A borehole wall: beds that a plane cuts at an angle (sine waves), with cracks, from 9000.1 in steps of 0.1. */
function makeLog(): string {
  const random = seededRandom(3);
  const lines = [`depth,${Array.from({ length: COLUMNS }, (_, column) => `col${column + 1}`).join(',')}`];
  for (let row = 0; row < DEPTHS; row++) {
    const levels = Array.from({ length: COLUMNS }, (_, column) => {
      const angle = (2 * Math.PI * column) / COLUMNS;
      const bed = row + 9 * Math.sin(angle + 1);
      const crack = Math.abs(row - 170 - 34 * Math.sin(angle + 2.4)) < 1.5 ? -70 : 0;
      const level = 120 + 45 * Math.sin(bed / 9) + 25 * Math.sin(bed / 31) + crack + 14 * random();
      return Math.max(0, Math.min(255, Math.round(level)));
    });
    const tenths = 90_001 + row;
    lines.push(`${Math.floor(tenths / 10)}.${tenths % 10},${levels.join(',')}`);
  }
  return `${lines.join('\n')}\n`;
}

const [folder = path.join(import.meta.dirname, '../examples')] = process.argv.slice(2);
await writeFile(path.join(folder, 'photo.jpg'), await makePhoto());
await writeFile(path.join(folder, 'scan.png'), await makeScan());
await writeFile(path.join(folder, 'image-log.csv'), makeLog());
