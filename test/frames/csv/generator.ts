import type { Random } from '../support.ts';
import type { ReferenceOptions } from './reference.ts';

export interface GeneratedLog extends ReferenceOptions {
  text: string;
}

/** How likely each oddity is in one file, so that some files are plain and some are full of everything. */
interface Traits {
  blanks: number;
  quotes: number;
  nulls: number;
  odd: number;
  faults: number;
}

const DEPTHS = [
  '0',
  '-0',
  '1e3',
  '1E-2',
  '+5.5',
  '.5',
  '7.',
  '9000.10',
  '0.1234567890123456789',
  '123456789012345678',
  '8.9e-324',
  '1e23',
  '5e-400',
  '000012.5',
  '2.2250738585072011e-308',
  '9007199254740993',
  '-12.75',
  '1.7976931348623157e308',
];
const BAD_DEPTHS = [
  'NaN',
  'abc',
  '1e400',
  '1e100',
  '-1.1e100',
  '-1e309',
  'Infinity',
  '0x10',
  '1 000',
  '--1',
  '1e',
  'e5',
  '.',
  '+',
  '1.2.3',
  '9000,1',
  '',
  '-999.25',
];
const PIXELS = [
  '0',
  '255',
  '007',
  '+12',
  '-0',
  '12.0',
  '12.',
  '0012',
  '255.000',
  '0.0',
  '000000000000000000255',
];
const BAD_PIXELS = [
  '256',
  '-1',
  '12.5',
  'abc',
  '1e2',
  '0xff',
  '1,5',
  '1 2',
  '999',
  '-',
  '.',
  '1..2',
  '٣',
  '1_0',
  '4294967297',
  'NULL',
  '12,0',
  '1.0.',
  "'5'",
];

/** Writes a random image log: well-formed quotes, everything else possible. */
export function generateLog(random: Random): GeneratedLog {
  const delimiter = random.pick([',', ',', ';', '\t']);
  const newline = random.pick(['\n', '\n', '\r\n', '\r'] as const);
  const columns = random.chance(0.03) ? 50 + random.below(250) : 1 + random.below(9);
  const rate = (limit: number) => (random.chance(0.5) ? 0 : (limit * random.below(100)) / 100);
  const traits: Traits = {
    blanks: rate(0.2),
    quotes: rate(0.3),
    nulls: rate(0.4),
    odd: rate(0.2),
    faults: rate(0.1),
  };
  const nullValues = random.chance(0.6)
    ? ['-999.25']
    : random.pick([['-9999', 'NaN'], ['0'], ['255', 'n/a'], []]);
  const names = ['depth', ...Array.from({ length: columns }, (_, index) => `col${index + 1}`)];
  if (random.chance(0.2)) names.sort(() => random.below(3) - 1);
  const lines = [names.map((name) => style(random.chance(0.1) ? name.toUpperCase() : name)).join(delimiter)];

  function style(cell: string): string {
    if (random.chance(traits.quotes) || (cell !== '' && /["\r\n;,\t]/.test(cell))) {
      return `"${cell.replaceAll('"', '""')}"${random.chance(traits.blanks) ? ' ' : ''}`;
    }
    return random.chance(traits.blanks)
      ? `${random.pick(['', ' ', '  '])}${cell}${random.pick(['', ' '])}`
      : cell;
  }
  function depthCell(index: number): string {
    if (random.chance(traits.faults)) return random.pick(BAD_DEPTHS);
    if (random.chance(traits.odd)) return random.pick(DEPTHS);
    const text = (9000 + index / 10).toFixed(random.pick([1, 1, 2, 6]));
    return delimiter === ';' && random.chance(0.3) ? text.replace('.', ',') : text;
  }
  function pixelCell(): string {
    if (random.chance(traits.faults / 4)) return random.pick(BAD_PIXELS);
    if (random.chance(traits.nulls))
      return random.pick(['', ' ', '-999.25', '-999.250', 'nan', 'NaN', '-9999', ...nullValues]);
    return random.chance(traits.odd) ? random.pick(PIXELS) : String(random.below(256));
  }

  const rows = random.below(30);
  for (let index = 0; index < rows; index++) {
    if (random.chance(0.03)) lines.push('');
    if (random.chance(0.03)) lines.push(delimiter.repeat(random.chance(0.7) ? columns : random.below(5)));
    const cells = names.map((name) => style(name === 'depth' ? depthCell(index) : pixelCell()));
    if (random.chance(traits.faults))
      cells.splice(random.below(cells.length), random.below(2), ...(random.chance(0.5) ? ['1'] : []));
    if (random.chance(traits.faults / 4)) cells[random.below(cells.length)] = `"1${newline}2""3"`;
    lines.push(cells.join(delimiter));
  }
  const bom = random.chance(0.1) ? '\uFEFF' : '';
  const lastLineEnd = random.chance(0.8) ? newline : '';
  return { text: bom + lines.join(newline) + lastLineEnd, delimiter, newline, nullValues };
}
