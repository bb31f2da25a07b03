import t from 'tap';
import type { Delimiter } from '../../../src/frames/csv/delimiters.ts';
import { createRandom, parseLog } from '../support.ts';
import { generateLog } from './generator.ts';
import { readReference } from './reference.ts';

/**
 * Generated files, read by the parser and by the reference. More of them:
 * `FUZZ_FILES=100000 FUZZ_SEED=7 npx tap --disable-coverage --timeout=3600 test/frames/csv/differential.test.ts`
 */
const FILES = Number(process.env.FUZZ_FILES ?? 2000);
const SEED = Number(process.env.FUZZ_SEED ?? 1);

/** What the parser makes of a file, in the reference's terms; a file that can't be read at all gives its message. */
function readOurs(text: string, options: Parameters<typeof parseLog>[1], cut?: () => number) {
  try {
    const { rows, summary } = parseLog(text, options, cut);
    const faults = summary.faults.map(({ code, row, line, column, value }) => ({
      code,
      row,
      line,
      column,
      value,
    }));
    return { rows, faults, total: summary.fault_total, quality: summary.quality };
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'AppError') throw error;
    return { refused: error.message, errors: 'errors' in error ? error.errors : [] };
  }
}

t.test(`the parser, whole and cut anywhere, equals the reference on ${FILES} generated files`, async (t) => {
  let kept = 0;
  let withFaults = 0;
  for (let file = 0; file < FILES; file++) {
    const random = createRandom(SEED * 1_000_003 + file);
    const log = generateLog(random);
    const expected = readReference(log.text, log);
    const name = `file ${file} of seed ${SEED}`;
    const delimiter = random.chance(0.5) ? (log.delimiter as Delimiter) : undefined;
    const options = {
      nullValues: log.nullValues,
      onError: 'skip',
      batchRows: 1 + random.below(40),
      delimiter,
    } as const;
    const limit = random.pick([1, 3, 20, 200]);
    const readings = [
      readOurs(log.text, options),
      readOurs(log.text, options, () => random.below(limit + 1)),
      // The fast scanner takes no row that is cut, so that `RowReader` reads all of them.
      readOurs(log.text, options, () => 1),
    ];
    for (const actual of readings) {
      if ('refused' in actual) {
        if (expected.rows.length > 0) t.fail(`${name}: ${actual.refused}`, { text: log.text });
        continue;
      }
      // A string compare first: deep equality of every row of every file would take most of the time.
      if (JSON.stringify(actual.rows) !== JSON.stringify(expected.rows))
        t.same(actual.rows, expected.rows, name);
      const identical = actual.rows.every((row, index) => Object.is(row.depth, expected.rows[index]?.depth));
      if (!identical) t.fail(`${name}: depths are the same doubles`);
      if (JSON.stringify(actual.faults) !== JSON.stringify(expected.faults.slice(0, 100))) {
        t.same(actual.faults, expected.faults.slice(0, 100), `${name}: faults`);
      }
      const values = expected.rows.flatMap((row) => row.pixels.filter((pixel) => pixel !== null));
      const { rows, bad_rows, empty_rows, null_pixels, value_min, value_max } = actual.quality;
      const facts = [actual.total, rows, bad_rows, empty_rows, null_pixels, value_min, value_max];
      const expectedFacts = [
        expected.faults.length,
        expected.rows.length,
        expected.badRows,
        expected.emptyRows,
        expected.rows.flatMap((row) => row.pixels).length - values.length,
        values.length > 0 ? Math.min(...values) : null,
        values.length > 0 ? Math.max(...values) : null,
      ];
      if (String(facts) !== String(expectedFacts)) t.same(facts, expectedFacts, `${name}: facts`);
    }
    kept += expected.rows.length;
    if (expected.faults.length > 0) withFaults++;
    if (t.counts.fail > 5) return;
  }
  t.ok(kept > FILES * 5, `${kept} rows kept: the files aren't all refused`);
  t.ok(withFaults > FILES * 0.1, `${withFaults} files with faults`);
});

t.test('random bytes are read or refused, and never anything else', async (t) => {
  for (let file = 0; file < FILES; file++) {
    const random = createRandom(SEED * 7_000_003 + file);
    const alphabet = random.pick(['01,\n', '0,";\r\n\t ', '0123456789.,-"eE \n\r', '\0\xffdepth,col1\n"']);
    const body = Array.from({ length: random.below(200) }, () => random.pick([...alphabet])).join('');
    const text = random.chance(0.8) ? `depth,col1,col2\n1,2,3\n${body}` : body;
    const onError = random.pick(['fail', 'skip'] as const);
    const actual = readOurs(text, { onError }, () => 1 + random.below(20));
    const general = readOurs(text, { onError }, () => 1);
    if (JSON.stringify(actual) !== JSON.stringify(general))
      t.same(actual, general, `bytes ${file}: both paths agree`);
  }
  t.pass(`${FILES} files`);
});
