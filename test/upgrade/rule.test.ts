import t from 'tap';
import { readMigrations } from '../../src/db/migrate.ts';

/** What a process of the version before would notice: docs/upgrade.md states the rule. */
const NOTICED: readonly [statement: RegExp, what: string][] = [
  [/\bDROP\s+(TABLE|VIEW|TYPE|SCHEMA|FUNCTION|SEQUENCE)\b/i, 'removes something'],
  [/\bDROP\s+COLUMN\b/i, 'removes a column'],
  [/\bALTER\s+TABLE\s+\S+\s+DROP\s+(?!CONSTRAINT\b)/i, 'removes a column'],
  [/\bRENAME\b/i, 'renames something'],
  [/\bALTER\s+(COLUMN\s+)?\S+\s+(SET\s+DATA\s+)?TYPE\b/i, 'gives a column another type'],
  [/\bSET\s+NOT\s+NULL\b/i, 'refuses rows without a value'],
  [/\bADD\s+COLUMN\b(?![^,;]*\bDEFAULT\b)[^,;]*\bNOT\s+NULL\b/i, 'adds a column that has to be filled'],
];

function findNoticed(sql: string): string[] {
  const statements = sql.replace(/--.*$/gm, '').replace(/\$\$.*?\$\$/gs, '');
  return NOTICED.filter(([statement]) => statement.test(statements)).map(([, what]) => what);
}

t.test('statements that old processes notice are found', async (t) => {
  for (const bad of [
    'DROP TABLE images',
    'ALTER TABLE "images" DROP COLUMN "depth"',
    'ALTER TABLE "images" DROP "depth"',
    'alter table images rename column a to b',
    'ALTER TABLE "images" ALTER COLUMN "size" SET DATA TYPE INTEGER',
    'ALTER TABLE "images" ALTER "size" TYPE INTEGER',
    'ALTER TABLE "images" ALTER COLUMN "density" SET NOT NULL',
    'ALTER TABLE "images" ADD COLUMN "a" TEXT NOT NULL',
    'ALTER TABLE "images" ADD COLUMN "a" TEXT DEFAULT \'x\', ADD COLUMN "b" TEXT NOT NULL',
  ]) {
    t.not(findNoticed(bad).length, 0, bad);
  }
  for (const good of [
    'CREATE TABLE "a" ("id" UUID NOT NULL)',
    'ALTER TABLE "a" ADD COLUMN "b" TEXT',
    'ALTER TABLE "a" ADD COLUMN "b" TEXT NOT NULL DEFAULT \'\'',
    'DROP INDEX "a"; CREATE UNIQUE INDEX "b" ON "a"("c")',
    '-- DROP TABLE a\nALTER TABLE "a" ALTER COLUMN "b" SET STORAGE EXTERNAL',
  ]) {
    t.same(findNoticed(good), [], good);
  }
});

t.test('no migration does what a process of the version before would notice', async (t) => {
  for (const { name, sql } of await readMigrations()) t.same(findNoticed(sql), [], name);
});
