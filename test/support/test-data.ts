import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * The folder of real pictures, broken ones, an image log and reference values that some tests compare with. The project does not
 * contain them: the variable TEST_DATA_DIR names the folder.
 */
export const TEST_DATA = path.resolve(process.env.TEST_DATA_DIR || path.join(import.meta.dirname, '../data'));

/** Why a test that needs the folder is skipped; false if the folder is there. */
export const NO_TEST_DATA = existsSync(TEST_DATA) ? false : 'needs test data (TEST_DATA_DIR)';

/** The path of a file or folder of the test data. */
export function testDataPath(...names: string[]): string {
  return path.join(TEST_DATA, ...names);
}

/** The bytes of a file of the test data. */
export function readTestData(name: string): Buffer {
  return readFileSync(testDataPath(name));
}

/** Options that skip a test if files of the test data are missing. */
export function needsTestData(...names: string[]): { skip: string | false } {
  return {
    skip: names.every((name) => existsSync(testDataPath(name))) ? false : 'needs test data (TEST_DATA_DIR)',
  };
}
