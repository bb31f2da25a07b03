import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { AppError } from '../../../src/core/errors.ts';
import type { ImageLogOptions } from '../../../src/frames/csv/parser.ts';
import { needsPython, PYTHON } from '../../support/python.ts';
import { needsTestData, readTestData } from '../../support/test-data.ts';
import { createRandom, parseLog } from '../support.ts';

const skip = needsPython('pandas');
const folder = t.testdir();

interface Dialect {
  separator: ',' | ';' | '\t';
  decimal: '.' | ',';
  quoting: 'none' | 'all';
  depthName: string;
  unitsRow: boolean;
  nulls: string | undefined;
  trailing: boolean;
  announced: boolean;
  indexColumn: boolean;
  newline: '\n' | '\r\n' | '\r';
  bom: boolean;
}

const CHOICES: { [Name in keyof Dialect]: readonly Dialect[Name][] } = {
  separator: [',', ';', '\t'],
  decimal: ['.', ','],
  quoting: ['none', 'all'],
  depthName: ['depth', 'DEPT', 'Depth (ft)', 'DEPTH.M', 'MD [m]', ' Measured Depth '],
  unitsRow: [false, true],
  nulls: [undefined, '-9999', 'NaN', '-999.25', '1e30'],
  trailing: [false, true],
  announced: [false, true],
  indexColumn: [false, true],
  newline: ['\n', '\r\n', '\r'],
  bom: [false, true],
};

const COLUMNS = 4;
const random = createRandom(2024);

function dialects(count: number): Dialect[] {
  const all = Array.from({ length: count }, () => {
    const entries = Object.entries(CHOICES).map(([name, values]) => [
      name,
      random.pick(values as readonly unknown[]),
    ]);
    return Object.fromEntries(entries) as Dialect;
  });
  // A decimal comma cannot be told from a separator.
  return all.filter(({ separator, decimal }) => separator !== ',' || decimal === '.');
}

function write(dialect: Dialect): string {
  const {
    separator,
    decimal,
    quoting,
    depthName,
    unitsRow,
    nulls,
    trailing,
    announced,
    indexColumn,
    newline,
    bom,
  } = dialect;
  const quote = (text: string) => (quoting === 'all' ? `"${text}"` : text);
  const line = (cells: readonly string[]) =>
    [...cells.map(quote), ...(trailing ? ['', ''] : [])].join(separator);
  const header = [
    ...(indexColumn ? [''] : []),
    depthName,
    ...Array.from({ length: COLUMNS }, (_, i) => `col${i + 1}`),
  ];
  const units = [...(indexColumn ? [''] : []), 'ft', ...Array<string>(COLUMNS).fill('')];
  const rows = Array.from({ length: 6 }, (_, row) => {
    const depth = (9000 + row / 10).toFixed(2).replace('.', decimal);
    const pixels = Array.from({ length: COLUMNS }, () => {
      if (random.chance(0.15))
        return nulls === undefined ? '' : nulls.replace('.', nulls === '1e30' ? '.' : decimal);
      return `${random.below(256)}`;
    });
    return [...(indexColumn ? [`${row}`] : []), depth, ...pixels];
  });
  const lines = [
    ...(announced ? [`sep=${separator}`] : []),
    ...[header, ...(unitsRow ? [units] : []), ...rows].map(line),
  ];
  return `${bom ? '\ufeff' : ''}${lines.join(newline)}${newline}`;
}

t.test('files of every dialect have the rows that pandas reads', { skip }, async (t) => {
  const files = dialects(3000).map((dialect, i) => {
    const file = path.join(folder, `${i}.csv`);
    const text = write(dialect);
    writeFileSync(file, text);
    return { dialect, file, text };
  });
  t.ok(files.length > 2000, `${files.length} files`);
  const requests = files.map(({ dialect, file }) => {
    const { separator: sep, decimal, announced, unitsRow, nulls } = dialect;
    const skiprows = [...(announced ? [0] : []), ...(unitsRow ? [announced ? 2 : 1] : [])];
    return {
      path: file,
      sep,
      decimal,
      skiprows,
      nulls: nulls === undefined ? [] : [nulls, nulls.replace('.', decimal)],
    };
  });
  const { stdout, stderr } = spawnSync(PYTHON, [path.join(import.meta.dirname, 'dialects.py')], {
    input: JSON.stringify(requests),
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  t.ok(stdout.startsWith('['), stderr.slice(-500));
  const answers = JSON.parse(stdout) as (number | null)[][][];
  for (const [i, { dialect, text }] of files.entries()) {
    const { nulls, depthName, unitsRow } = dialect;
    const options: ImageLogOptions = nulls === undefined ? {} : { nullValues: [nulls] };
    for (const cut of [undefined, () => 3]) {
      const { rows, summary } = parseLog(text, options, cut);
      t.strictSame(
        rows.map(({ depth, pixels }) => [depth, ...pixels]),
        answers[i],
        JSON.stringify(dialect),
      );
      const named = { 'Depth (ft)': 'ft', 'DEPTH.M': 'M', 'MD [m]': 'm' }[depthName];
      t.equal(summary.depthUnit, named ?? (unitsRow ? 'ft' : null));
      t.equal(summary.depthDecimals, 2);
    }
  }
});

t.test('what is not read says what to change', async (t) => {
  const cases: [name: string, text: string, message: RegExp][] = [
    ['a usual null', 'depth,col1\n1,-9999\n', /if -9999 marks a missing pixel, send null_values=-9999$/],
    ['NaN', 'depth,col1\n1,NaN\n', /send null_values=NaN$/],
    ['#N/A of Excel', 'depth,col1\n1,#N/A\n', /send null_values=%23N%2FA$/],
    ['a large number', 'depth,col1\n1,1e30\n', /send null_values=1e30$/],
    [
      'two columns of depths',
      'DEPTH,MD,col1\n1,2,3\n',
      /one column of depths \(depth_column=NAME names it\).*"DEPTH", "MD"/,
    ],
    ['another name', 'TVD,col1\n1,2\n', /a column named depth \(depth_column=NAME names another\)/],
    ['UTF-16', '\ufffe', /UTF-8/],
    [
      'a value behind the header',
      'depth,col1,\n1,2,3\n',
      /2 cells, as in the header, and empty ones behind them/,
    ],
  ];
  for (const [name, text, message] of cases) {
    const bytes = name === 'UTF-16' ? Buffer.from('fffe64006500', 'hex') : text;
    try {
      parseLog(bytes);
      t.fail(name);
    } catch (error) {
      t.ok(error instanceof AppError, name);
      if (error instanceof AppError)
        t.match(error.errors.map((fault) => fault.message).join(), message, name);
    }
  }
  for (const value of ['300', 'x', '12.5', '5e']) {
    t.throws(() => parseLog(`depth,col1\n1,${value}\n`), { errors: [{ message: /^(?!.*null_values)/ }] });
  }
});

t.test('depth_column names the column of depths', async (t) => {
  const { rows } = parseLog('col1,TVD (m)\n7,1.5\n', { depthColumn: 'tvd' });
  t.same(rows, [{ row: 1, depth: 1.5, pixels: [7] }]);
  t.same(parseLog('TVD (m),col1\n1,2\n', { depthColumn: 'TVD (m)' }).summary.depthUnit, 'm');
  t.throws(() => parseLog('depth,col1\n1,2\n', { depthColumn: 'tvd' }), { code: 'validation_failed' });
  // Another usual name is then an unknown column.
  t.throws(() => parseLog('TVD,depth,col1\n1,2,3\n', { depthColumn: 'tvd' }), { code: 'validation_failed' });
});

t.test('a row of units is one only below the header and without digits', async (t) => {
  const units = (row: string) => parseLog(`depth,col1,col2\n${row}\n1,2,3\n`, { onError: 'skip' }).summary;
  for (const [row, unit] of [
    ['m,,', 'm'],
    ['M,API,API', 'M'],
    ['(ft),"",""', 'ft'],
    [' [feet] ,x,y', 'feet'],
  ] as const) {
    const { depthUnit, quality } = units(row);
    t.same([depthUnit, quality.rows, quality.bad_rows], [unit, 1, 0], row);
  }
  for (const row of ['m,1,2', 'parsec,,', 'x,y,z'])
    t.same([units(row).depthUnit, units(row).quality.bad_rows], [null, 1], row);
  t.equal(
    parseLog('depth,col1\n1,2\nm,\n', { onError: 'skip' }).summary.quality.bad_rows,
    1,
    'not after a row',
  );
  t.equal(parseLog('depth (ft),col1\nm,\n1,2\n').summary.depthUnit, 'ft', 'the header comes first');
});

const reported = (name: string) => readTestData(`reported/${name}`);

t.test('reported files', needsTestData('reported'), async (t) => {
  for (const name of ['csv_trailing_commas.csv', 'csv_dept.csv', 'csv_tab_decimal_comma.csv']) {
    t.ok(parseLog(reported(name)).rows.length > 0, name);
  }
  t.throws(() => parseLog(reported('csv_minus9999.csv')), {
    errors: [{ message: /null_values=-9999$/ }],
  });
  t.ok(parseLog(reported('csv_minus9999.csv'), { nullValues: ['-9999'] }).summary.quality.null_pixels > 0);
  t.equal(parseLog(reported('csv_nul_skip.csv'), { onError: 'skip' }).summary.quality.bad_rows, 1);
});
