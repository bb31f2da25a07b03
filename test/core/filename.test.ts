import t from 'tap';
import { sanitizeFilename, stemOf } from '../../src/core/filename.ts';

t.test('file names lose what may hurt and keep what may not', async (t) => {
  const cases: [string, string][] = [
    ['photo.jpg', 'photo.jpg'],
    ['../../etc/passwd', 'passwd'],
    ['C:\\Users\\me\\scan.tif', 'scan.tif'],
    ['a\u0000b.png', 'ab.png'],
    ['\u202egpj.exe', 'gpj.exe'],
    ['line\r\nbreak.png', 'linebreak.png'],
    ['Bohrkern 😀 Ω.png', 'Bohrkern 😀 Ω.png'],
    ['', 'fallback'],
    ['   ', 'fallback'],
    ['..', 'fallback'],
    ['folder/', 'fallback'],
    ['constructor', 'constructor'],
  ];
  for (const [given, expected] of cases)
    t.equal(sanitizeFilename(given, 'fallback'), expected, JSON.stringify(given));
});

t.test('long names are cut before their extension, between characters', async (t) => {
  t.equal(sanitizeFilename(`${'x'.repeat(300)}.jpeg`, ''), `${'x'.repeat(250)}.jpeg`);
  const emoji = sanitizeFilename(`${'😀'.repeat(300)}.png`, '');
  t.ok(emoji.length <= 255);
  t.ok(emoji.isWellFormed());
  t.match(emoji, /😀\.png$/u);
  t.equal(sanitizeFilename('a\ud800b.png', ''), 'a\ufffdb.png');
});

t.test('the stem is the name without its extension', async (t) => {
  t.equal(stemOf('photo.jpg'), 'photo');
  t.equal(stemOf('archive.tar.gz'), 'archive.tar');
  t.equal(stemOf('.hidden'), '.hidden');
  t.equal(stemOf('plain'), 'plain');
});
