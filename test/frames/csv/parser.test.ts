import t from 'tap';
import { AppError } from '../../../src/core/errors.ts';
import { parseDepth } from '../../../src/frames/csv/cells.ts';
import { ImageLogParser } from '../../../src/frames/csv/parser.ts';
import { needsTestData, readTestData } from '../../support/test-data.ts';
import { createRandom, parseLog } from '../support.ts';

t.test(
  'the classic file: every row, one empty row, every depth the double of its text',
  needsTestData('image-log.csv'),
  async (t) => {
    const file = readTestData('image-log.csv');
    const { rows, summary } = parseLog(file, {}, () => 10_000);
    const { quality } = summary;
    t.equal(rows.length, 5460);
    t.equal(summary.columns, 200);
    t.match(quality, {
      rows: 5460,
      empty_rows: 1,
      bad_rows: 0,
      null_pixels: 0,
      duplicate_depths: 0,
      gaps: 0,
    });
    t.match(quality, { depth_min: 9000.1, depth_max: 9546, depth_order: 'ascending', steps_exact: true });
    t.equal(quality.step?.typical, 0.1);
    const lines = file.toString().split('\n').slice(1, 5461);
    const cells = lines.map((line) => line.split(','));
    t.equal(rows.filter((row, index) => Object.is(row.depth, Number(cells[index]?.[0]))).length, 5460);
    t.equal(rows.filter((row, index) => row.pixels.join() === cells[index]?.slice(1).join()).length, 5460);
  },
);

const HEADER = 'depth,col1,col2,col3\n';

/** Files that are read: name, text, and the rows as JSON of [depth, ...pixels]. */
const READABLE: [name: string, file: string, rows: string][] = [
  ['LF', `${HEADER}1,2,3,4\n`, '[[1,2,3,4]]'],
  ['CRLF', 'depth,col1\r\n1,2\r\n3,4\r\n', '[[1,2],[3,4]]'],
  ['CR', 'depth,col1\r1,2\r3,4\r', '[[1,2],[3,4]]'],
  ['mixed line ends', 'depth,col1\r\n1,2\n3,4\r5,6\r\n', '[[1,2],[3,4],[5,6]]'],
  ['no line end at the end', 'depth,col1\n1,2', '[[1,2]]'],
  ['byte-order mark', '\uFEFFdepth,col1\n1,2\n', '[[1,2]]'],
  ['semicolons and decimal commas', 'depth;col1\n9000,1;12,0\n', '[[9000.1,12]]'],
  ['tabs', 'depth\tcol1\n1\t2\n', '[[1,2]]'],
  ['upper case and blanks in the header', ' Depth , COL1,Col2 \n1,2,3\n', '[[1,2,3]]'],
  ['a quoted header', '"depth","col1"\n1,2\n', '[[1,2]]'],
  ['depth last', 'col1,col2,depth\n7,8,1.5\n', '[[1.5,7,8]]'],
  ['columns in another order', 'col2,depth,col1\n8,1.5,7\n', '[[1.5,7,8]]'],
  ['blank lines before the header and between rows', '\n\r\n \ndepth,col1\n\n1,2\n\n', '[[1,2]]'],
  ['empty rows', 'depth,col1\n,\n1,2\n , \n"",""\n', '[[1,2]]'],
  ['blanks around numbers', `${HEADER} 1 , 2 ,3 ,\t4\n`, '[[1,2,3,4]]'],
  ['quoted cells', `${HEADER}"1","2",3,"4" \n`, '[[1,2,3,4]]'],
  ['whole decimals, leading zeros, plus', `${HEADER}+1,12.0,007,+5.\n`, '[[1,12,7,5]]'],
  ['minus zero', `${HEADER}-0,-0,0,0.0\n`, '[[0,0,0,0]]'],
  ['exponents in a depth', 'depth,col1\n1e3,1\n2.5E-1,2\n1E+2,3\n', '[[1000,1],[0.25,2],[100,3]]'],
  ['a depth without digits before or behind the point', 'depth,col1\n.5,1\n7.,2\n', '[[0.5,1],[7,2]]'],
  ['negative depths, unsorted and duplicate', 'depth,col1\n5,1\n-3.5,2\n5,3\n', '[[5,1],[-3.5,2],[5,3]]'],
  ['missing pixels', `${HEADER}1,-999.25,,4\n2,-999.250, ,0\n`, '[[1,null,null,4],[2,null,null,0]]'],
  ['a row of nothing but missing pixels', `${HEADER}1,,,\n`, '[[1,null,null,null]]'],
  ['a missing last pixel', `${HEADER}1,2,3,\n2,3,4,-999.25\n`, '[[1,2,3,null],[2,3,4,null]]'],
];

t.test('files that are read', async (t) => {
  for (const [name, file, expected] of READABLE) {
    for (const cut of [undefined, () => 1, () => 3]) {
      const { rows } = parseLog(file, {}, cut);
      t.equal(JSON.stringify(rows.map(({ depth, pixels }) => [depth, ...pixels])), expected, name);
    }
  }
});

/** Files that are refused as a whole: name, bytes, code and a part of the message. */
const REFUSED: [name: string, file: string | Uint8Array, message: RegExp, code?: string][] = [
  ['nothing', '', /file is empty/],
  ['nothing but line ends', '\n\r\n\n', /file is empty/],
  ['nothing but a byte-order mark', '\uFEFF', /file is empty/],
  ['a header alone', HEADER, /no rows/],
  ['a header and empty rows', `${HEADER},,,\n\n`, /no rows/],
  ['PNG', Buffer.from('89504e470d0a1a0a0000', 'hex'), /PNG picture/, 'unsupported_media_type'],
  ['JPEG', Buffer.from('ffd8ffe000104a46', 'hex'), /JPEG/, 'unsupported_media_type'],
  ['GIF', Buffer.from('GIF89a..'), /GIF/, 'unsupported_media_type'],
  ['TIFF', Buffer.from('49492a0008000000', 'hex'), /TIFF/, 'unsupported_media_type'],
  ['gzip', Buffer.from('1f8b0800000000000003', 'hex'), /gzip/, 'unsupported_media_type'],
  ['ZIP or xlsx', Buffer.from('PK\x03\x04\x14\x00\x06\x00', 'latin1'), /Excel/, 'unsupported_media_type'],
  ['xls', Buffer.from('d0cf11e0a1b11ae1', 'hex'), /Excel/, 'unsupported_media_type'],
  ['bzip2', Buffer.from('BZh91AY&SY'), /bzip2/, 'unsupported_media_type'],
  ['xz', Buffer.from('fd377a585a000004', 'hex'), /xz/, 'unsupported_media_type'],
  ['Zstandard', Buffer.from('28b52ffd04580000', 'hex'), /Zstandard/, 'unsupported_media_type'],
  ['PDF', '%PDF-1.7\n', /PDF/, 'unsupported_media_type'],
  ['UTF-16 LE', Buffer.from('\uFEFFdepth,col1\n1,2\n', 'utf16le'), /UTF-16/, 'unsupported_media_type'],
  ['UTF-16 BE', Buffer.from('\uFEFFdepth,col1\n', 'utf16le').swap16(), /UTF-16/, 'unsupported_media_type'],
  ['UTF-16 without mark', Buffer.from('depth,col1\n1,2\n', 'utf16le'), /UTF-16/, 'unsupported_media_type'],
  ['NUL bytes in the header', 'depth,col1,\0\0\n', /NUL/, 'unsupported_media_type'],
  ['no depth column', 'col1,col2\n1,2\n', /named depth.*"col1", "col2"/],
  ['HTML', '<!DOCTYPE html>\n<html>', /named depth/],
  ['JSON', '{"depth": 1}', /named depth|malformed/],
  ['no pixel columns', 'depth\n1\n', /col1, col2/],
  ['two depth columns', 'depth,col1,DEPTH\n1,2,3\n', /one column of depths \(depth_column=NAME names it\)/],
  ['a column twice', 'depth,col1,COL1\n1,2,3\n', /COL1 more than once/],
  ['a column left out', 'depth,col1,col3\n1,2,3\n', /col1 to col2.*col3/],
  ['col0', 'depth,col0\n1,2\n', /"col0"/],
  ['col01', 'depth,col01\n1,2\n', /"col01"/],
  ['an unknown column', 'depth,col1,note\n1,2,3\n', /received "note" as column 3/],
  ['a column without a name', 'depth,,col1\n1,,2\n', /received "" as column 2/],
  ['another separator announced', 'sep=|\ndepth,col1\n1,2\n', /sep=, or sep=; or sep= and a tab/],
  [
    '10,001 pixel columns',
    `depth${Array.from({ length: 10_001 }, (_, i) => `,col${i + 1}`).join('')}\n`,
    /at most 10000.*10002/,
  ],
  ['malformed quotes in the header', 'depth,"col1"x"",col2\n1,2,3\n', /malformed quotes/],
  ['an unclosed quote in the header', 'depth,"col1\n1,2\n3,4\n', /unclosed quote/],
];

t.test('files that are refused as a whole', async (t) => {
  for (const [name, file, message, code = 'validation_failed'] of REFUSED) {
    for (const cut of [undefined, () => 1]) {
      t.throws(() => parseLog(file, {}, cut), { name: 'AppError', code, detail: message }, name);
    }
  }
});

/** A second row, and its fault: code, column and value. */
const FAULTY: [row: string, code: string, column: string | null, value: string | null][] = [
  ['2,abc,3,4', 'bad_number', 'col1', 'abc'],
  ['2,12,1e2,4', 'bad_number', 'col2', '1e2'],
  ['2,12,0x1F,4', 'bad_number', 'col2', '0x1F'],
  ['2,12,NaN,4', 'bad_number', 'col2', 'NaN'],
  ['2,12,Infinity,4', 'bad_number', 'col2', 'Infinity'],
  ['2,12,null,4', 'bad_number', 'col2', 'null'],
  ['2,12,--1,4', 'bad_number', 'col2', '--1'],
  ['2,12,+-1,4', 'bad_number', 'col2', '+-1'],
  ['2,12,+,4', 'bad_number', 'col2', '+'],
  ['2,12,.,4', 'bad_number', 'col2', '.'],
  ['2,12,1.2.3,4', 'bad_number', 'col2', '1.2.3'],
  ['2,12,1 2,4', 'bad_number', 'col2', '1 2'],
  ['2,12,1_000,4', 'bad_number', 'col2', '1_000'],
  ['2,12,12%,4', 'bad_number', 'col2', '12%'],
  ['2,12,"1,200",4', 'bad_number', 'col2', '1,200'],
  ['2,12,"12\n",4', 'bad_number', 'col2', '12\n'],
  ['2,12,"1""2",4', 'bad_number', 'col2', '1"2'],
  ['2,12, "13",4', 'bad_number', 'col2', ' "13"'],
  ['2,12,١٢,4', 'bad_number', 'col2', '١٢'],
  ['2,12,12\u00a0,4', 'bad_number', 'col2', '12\u00a0'],
  ['2,12,\0,4', 'bad_number', 'col2', '\ufffd'],
  ['2,12,=1+1,4', 'bad_number', 'col2', '=1+1'],
  [`2,12,${'x'.repeat(50)},4`, 'bad_number', 'col2', `${'x'.repeat(40)}…`],
  ['2,12,12.5,4', 'not_whole', 'col2', '12.5'],
  ['2,12,300.5,4', 'not_whole', 'col2', '300.5'],
  ['2,12,0.00000000000000000000001,4', 'not_whole', 'col2', '0.00000000000000000000001'],
  ['2,256,3,4', 'out_of_range', 'col1', '256'],
  ['2,3,4,-1', 'out_of_range', 'col3', '-1'],
  ['2,12,999,4', 'out_of_range', 'col2', '999'],
  ['2,12,1000,4', 'out_of_range', 'col2', '1000'],
  ['2,12,99999999999999999999,4', 'out_of_range', 'col2', '99999999999999999999'],
  ['2,12,-999.26,4', 'not_whole', 'col2', '-999.26'],
  ['2,12,-999,4', 'out_of_range', 'col2', '-999'],
  [',1,2,3', 'null_depth', 'depth', ''],
  [' ,1,2,3', 'null_depth', 'depth', ' '],
  ['-999.25,1,2,3', 'null_depth', 'depth', '-999.25'],
  ['-999.250,1,2,3', 'null_depth', 'depth', '-999.250'],
  ['abc,1,2,3', 'bad_depth', 'depth', 'abc'],
  ['NaN,1,2,3', 'bad_depth', 'depth', 'NaN'],
  ['Infinity,1,2,3', 'bad_depth', 'depth', 'Infinity'],
  ['0x10,1,2,3', 'bad_depth', 'depth', '0x10'],
  ['9 000,1,2,3', 'bad_depth', 'depth', '9 000'],
  ['1e,1,2,3', 'bad_depth', 'depth', '1e'],
  ['e5,1,2,3', 'bad_depth', 'depth', 'e5'],
  ['1e5.5,1,2,3', 'bad_depth', 'depth', '1e5.5'],
  ['9000.1m,1,2,3', 'bad_depth', 'depth', '9000.1m'],
  ['"9000,1",1,2,3', 'bad_depth', 'depth', '9000,1'],
  ['2024-01-01,1,2,3', 'bad_depth', 'depth', '2024-01-01'],
  ['1e400,1,2,3', 'depth_too_large', 'depth', '1e400'],
  ['1.1e100,1,2,3', 'depth_too_large', 'depth', '1.1e100'],
  [`-${'1'.repeat(102)},1,2,3`, 'depth_too_large', 'depth', `-${'1'.repeat(39)}…`],
  ['-1e400,1,2,3', 'depth_too_large', 'depth', '-1e400'],
  ['1e99999999999,1,2,3', 'depth_too_large', 'depth', '1e99999999999'],
  [`${'9'.repeat(400)},1,2,3`, 'depth_too_large', 'depth', `${'9'.repeat(40)}…`],
  ['2,1,2', 'ragged_row', null, null],
  ['2,1,2,3,4', 'ragged_row', null, null],
  ['2', 'ragged_row', null, null],
  ['9000,1,1,2,3', 'ragged_row', null, null],
  ['2;1;2;3', 'ragged_row', null, null],
  ['depth', 'ragged_row', null, null],
  ['depth,col1,col2,col3', 'bad_depth', 'depth', 'depth'],
  ['2,"1"x,2,3', 'bad_quotes', 'col1', '1x'],
  ['2,"1" "2",2,3', 'bad_quotes', 'col1', '1"2"'],
];

t.test('rows with a fault: what, where, in one piece and in many', async (t) => {
  for (const [row, code, column, value] of FAULTY) {
    const file = `${HEADER}1,10,20,30\n${row}\n3,11,21,31\n`;
    for (const cut of [undefined, () => 1, () => 7]) {
      const { rows, summary } = parseLog(file, { onError: 'skip' }, cut);
      const fault = summary.faults.find((found) => found.code === code);
      t.match(fault, { code, column, value, row: 2, line: 3 }, `${row.slice(0, 40)}: ${code}`);
      t.match(fault?.message, /^Row 2 \(line 3\)/);
      t.same(
        rows.map(({ depth }) => depth),
        [1, 3],
        'the rows around it are kept',
      );
      t.equal(summary.quality.bad_rows, 1);
    }
    t.throws(() => parseLog(file), {
      code: 'validation_failed',
      errors: [{ path: '/file' }],
    });
  }
});

t.test('a quote that is never closed is a fault of the row where it was opened', async (t) => {
  const { rows, summary } = parseLog(`${HEADER}1,2,3,4\n2,"3,4,5\n3,4,5,6\n`, { onError: 'skip' });
  t.equal(rows.length, 1);
  t.match(summary.faults, [{ code: 'bad_quotes', row: 2, line: 3, column: 'col1' }]);
});

t.test(
  'a failing file gives no batches after its fault, and all its faults: 100 of them and the total',
  async (t) => {
    const parser = new ImageLogParser({ batchRows: 1 });
    t.equal(parser.push(Buffer.from(`${HEADER}1,1,2,3\n`)).length, 1);
    t.equal(parser.failed, false);
    t.equal(parser.push(Buffer.from('2,300,-1,x\n3,1,2,3\n'.repeat(150))).length, 0);
    t.equal(parser.failed, true);
    try {
      parser.end();
      t.fail('it throws');
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      t.equal(error.detail, 'The CSV has 450 faults in 150 rows. The first 100 are listed.');
      t.equal(error.errors.length, 100);
      t.equal(
        error.errors[0]?.message,
        'Row 2 (line 3): Expected an integer from 0 to 255 for col1 but received "300"',
      );
    }
  },
);

t.test('lines are counted through quotes, blank lines and CRLF', async (t) => {
  const file = '\r\n"depth",col1\r\n1,"2\r\n"\r\n\r\n3,x\r\n';
  for (const cut of [undefined, () => 1]) {
    const { faults } = (() => {
      try {
        return parseLog(file, { onError: 'skip' }, cut).summary;
      } catch (error) {
        return { faults: error instanceof AppError ? error.errors : [] };
      }
    })();
    t.match(faults, [
      { row: 1, line: 3 },
      { row: 3, line: 6 },
    ]);
  }
});

t.test('a CR that ends one quoted cell and a LF that begins the next are two line ends', async (t) => {
  // The reader of records once took them for a CRLF, because it looked at the cells without their quotes.
  const file = `${HEADER}"1\r","\n2",3,4\n5,x,7,8\n`;
  for (const cut of [undefined, () => 1, () => 2, () => 3]) {
    const parser = new ImageLogParser({ onError: 'skip' });
    for (let at = 0, size = cut?.() ?? file.length; at < file.length; at += size) {
      parser.push(Buffer.from(file.slice(at, at + size)));
    }
    t.throws(() => parser.end());
    t.match(parser.summary().faults, [{ line: 2 }, { line: 2 }, { row: 2, line: 5, column: 'col1' }]);
  }
});

t.test('mixed line ends inside and outside of quotes, cut anywhere', async (t) => {
  const file = `${HEADER}1,"2\r\n",3,4\r\n\r2,3,4,5\n\n"3",4,"5\r",6\r3,4,5,y\r\n`;
  for (let size = 1; size <= file.length; size++) {
    const { rows, summary } = parseLog(file, { onError: 'skip' }, () => size);
    t.same(
      rows.map(({ row, depth }) => [row, depth]),
      [[3, 2]],
    );
    t.match(summary.faults, [
      { row: 1, line: 2, column: 'col1' },
      { row: 5, line: 7, column: 'col2' },
      { row: 6, line: 9, column: 'col3' },
    ]);
  }
});

t.test('null values: numbers by value, text without case, legal pixels, none', async (t) => {
  const read = (nullValues: string[], cells: string) =>
    parseLog(`depth,col1\n${cells}\n`, { nullValues }).rows[0]?.pixels[0];
  t.equal(read(['-9999'], '1,-9999.00'), null);
  t.equal(read(['NaN', 'n/a'], '1, N/A '), null);
  t.equal(read(['0'], '1,0'), null);
  t.equal(read(['0'], '0,00'), null, 'a legal pixel value marks pixels only: depth 0 is good');
  t.equal(read(['255'], '1,255'), null);
  t.equal(read(['255'], '1,254'), 254);
  t.equal(read([], '1,'), null, 'the empty cell always');
  t.throws(() => read([], '1,-999.25'), { code: 'validation_failed' });
  t.throws(() => read(['x'.repeat(33)], '1,1'), { errors: [{ path: '/null_values' }] });
  t.throws(() => read(new Array(17).fill('1'), '1,1'), { errors: [{ path: '/null_values' }] });
});

t.test('hostile files are refused in bounded memory', async (t) => {
  const chunk = Buffer.alloc(65_536, 'x');
  const cases: [string, string, Buffer][] = [
    ['a header without an end', '', chunk],
    ['a header of millions of columns', 'depth', Buffer.alloc(65_536, ',c')],
    ['a row without an end', HEADER, chunk],
    ['a row of millions of cells', HEADER, Buffer.alloc(65_536, ',')],
    ['a quote that is not closed', `${HEADER}1,"`, Buffer.alloc(65_536, '2\n')],
    ['a quote that is not closed, full of quotes', `${HEADER}1,"`, Buffer.alloc(65_536, '\n""')],
  ];
  for (const [name, start, filling] of cases) {
    const parser = new ImageLogParser({ onError: 'skip' });
    if (start) parser.push(Buffer.from(start));
    let pushed = 0;
    t.throws(
      () => {
        for (; pushed < 1000; pushed++) parser.push(filling);
      },
      { code: 'validation_failed', detail: /1048576 bytes/ },
      name,
    );
    t.ok(pushed < 20, `${name}: refused after ${pushed} chunks of 64 KiB`);
  }
});

t.test('rows and headers of malformed quotes and blanks take no longer than others', async (t) => {
  // papaparse looks at the blanks once for each quote, and would take minutes for these.
  const blanks = ' '.repeat(500_000);
  const cases: [name: string, file: string][] = [
    ['a row', `${HEADER}1,"${'"x'.repeat(250_000)}${blanks},3,4\n2,3,4,5\n`],
    ['a row with a quote that is not closed', `${HEADER}2,3,4,5\n1,"${'""\n'.repeat(150_000)}${blanks},3`],
    ['a header', `${'"a";'.repeat(100_000)}"a"${blanks}\n1,2\n`],
  ];
  for (const [name, file] of cases) {
    const start = performance.now();
    for (const cut of [undefined, () => 4096]) {
      try {
        const { rows, summary } = parseLog(file, { onError: 'skip' }, cut);
        t.equal(rows.length, 1);
        t.match(summary.faults, [{ code: 'bad_quotes', column: 'col1' }]);
      } catch (error) {
        t.match(error, { code: 'validation_failed' });
        t.equal(name, 'a header');
      }
    }
    t.ok(performance.now() - start < 5000, name);
  }
});

t.test('a row of more than 1 MiB is refused, however it is cut, and one of 1 MiB is not', async (t) => {
  const row = (bytes: number) => `1,"${' '.repeat(bytes - 9)}2",3,4`;
  const largest = 1024 * 1024;
  for (const size of [1, 1000, 65_536, 2 * largest]) {
    t.equal(parseLog(`${HEADER}${row(largest)}\n5,6,7,8\n`, {}, () => size).rows.length, 2);
    t.throws(() => parseLog(`${HEADER}${row(largest + 1)}\n`, {}, () => size), {
      code: 'validation_failed',
      detail: /1048576 bytes/,
    });
  }
});

t.test('10,000 columns', async (t) => {
  const names = Array.from({ length: 10_000 }, (_, index) => `col${index + 1}`);
  const cells = names.map((_, index) => index % 256);
  const { rows, batches } = parseLog(`depth,${names}\n1,${cells}\n2,${cells}\n`, {}, () => 65_536);
  t.same(
    rows.map(({ pixels }) => pixels),
    [cells, cells],
  );
  t.equal(batches[0]?.columns, 10_000);
});

t.test('batches are of the asked size, with rows numbered by their place in the file', async (t) => {
  const { batches } = parseLog('depth,col1\n1,1\n,\n2,2\n3,x\n4,4\n5,5\n', { onError: 'skip', batchRows: 3 });
  t.same(
    batches.map(({ rows }) => [...rows]),
    [[1, 3, 5], [6]],
  );
  t.equal(batches[0]?.nulls, null);
});

t.test('depths are the doubles nearest their text', async (t) => {
  const random = createRandom(11);
  const digits = (count: number) => Array.from({ length: count }, () => random.below(10)).join('');
  for (let index = 0; index < 20_000; index++) {
    const exponent = random.chance(0.5) ? `e${random.pick(['', '+', '-'])}${random.below(330)}` : '';
    const text = `${random.pick(['', '-'])}${digits(1 + random.below(20))}.${digits(random.below(20))}${exponent}`;
    if (!Object.is(parseDepth(text, false), Number(text) + 0)) t.fail(text);
  }
  const tenths = Array.from({ length: 100_000 }, (_, index) => `${Math.floor(index / 10)}.${index % 10}`);
  const file = `depth,col1\n${tenths.join(',100\n')},100\n`;
  for (const cut of [undefined, () => 1]) {
    const { rows } = parseLog(file, {}, cut);
    t.ok(rows.every(({ depth }, index) => depth === Number(tenths[index])));
  }
  t.pass('120,000 texts');
});

t.test('the quality report', async (t) => {
  const report = (depths: (number | string)[]) =>
    parseLog(`depth,col1\n${depths.map((depth) => `${depth},7`).join('\n')}`).summary.quality;
  t.match(report([1, 1.1, 1.2, 1.5, 1.6]), {
    depth_order: 'ascending',
    step: { typical: 0.1 },
    gaps: 1,
    largest_gaps: [{ row: 4, from_depth: 1.2, to_depth: 1.5 }],
    duplicate_depths: 0,
  });
  t.match(report([3, 2, 2, 1]), { depth_order: 'descending', descents: 2, duplicate_depths: 1, gaps: 0 });
  t.match(report([1, 3, 2]), { depth_order: 'unsorted', descents: 1 });
  t.match(report([5]), { depth_order: 'ascending', step: null, gaps: 0, value_min: 7, value_max: 7 });
  t.match(report([5, 5]), { step: null, duplicate_depths: 1 });
  const quadratic = report(Array.from({ length: 3000 }, (_, index) => index * index));
  t.equal(quadratic.steps_exact, false);
  t.equal(quadratic.largest_gaps.length, 20);
});
