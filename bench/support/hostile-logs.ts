import { generateLog } from '../../test/frames/csv/generator.ts';
import { createRandom, type Random } from '../../test/frames/support.ts';

export interface HostileLog {
  kind: string;
  bytes: Buffer;
}

const header = (columns: number): string =>
  `depth,${Array.from({ length: columns }, (_, index) => `col${index + 1}`).join(',')}\n`;

/** Text that other programs run, decode or cut. */
const CELLS = [
  '\0',
  '=cmd|"/C calc"!A0',
  "'; DROP TABLE frames; --",
  '\\u0000',
  '\ud83d',
  '\u202e',
  '1e999',
  '-1e-999',
  '9'.repeat(5000),
  '"',
  '""",',
  '\ufeff',
  '<script>',
];

const KINDS: Readonly<Record<string, (random: Random) => string | Buffer>> = {
  'valid log': (random) => generateLog(random).text,
  'hostile cells': (random) =>
    header(3) +
    Array.from({ length: 50 }, (_, row) => `${row},1,${random.pick(CELLS)},${random.below(300)}\n`).join(''),
  'hostile header': (random) => `depth,${random.pick(CELLS)},col2\n1,2,3\n`,
  'flipped bits': (random) => {
    const bytes = Buffer.from(generateLog(random).text);
    for (let flip = 0; flip < 5 && bytes.length > 0; flip += 1) {
      const at = random.below(bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
    }
    return bytes;
  },
  'open quotes': (random) => `${header(2)}1,"${'2,3\n'.repeat(random.below(300_000))}`,
  'one line': (random) => `${header(2)}1,${'2,'.repeat(random.below(1_000_000))}`,
  'very many columns': (random) => `${header(random.below(50_000))}1,2,3\n`,
  'every row is at fault': (random) => header(2) + 'x,y\n'.repeat(random.below(300_000)),
  'empty rows': (random) => header(2) + '\n'.repeat(random.below(1_000_000)),
  'another encoding': (random) => Buffer.from(generateLog(random).text, random.pick(['utf16le', 'latin1'])),
  'binary data': (random) => Buffer.from(Array.from({ length: 5000 }, () => random.below(256))),
};

/** Image logs that try to take much time or memory: of each kind in turn, the same for the same seed. */
export function* hostileLogs(seed: number, count: number): Generator<HostileLog, void, undefined> {
  const random = createRandom(seed);
  const kinds = Object.entries(KINDS);
  for (let index = 0; index < count; index += 1) {
    const [kind, make] = kinds[index % kinds.length] as (typeof kinds)[number];
    yield { kind, bytes: Buffer.from(make(random)) };
  }
}
