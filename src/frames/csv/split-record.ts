import Papa from 'papaparse';

/** Splits a record whose quotes are well formed into its cells, without their quotes. */
export type SplitRecord = (record: string) => string[];

/** A splitter for records whose cells are separated by `delimiter`. */
export function createSplitter(delimiter: string): SplitRecord {
  const parser = new Papa.Parser({ delimiter, newline: '\n', preview: 1 });
  // With a line end: at the end of a text, papaparse takes blanks behind a quote for a fault.
  return (record) => parser.parse(`${record}\n`, 0, false).data[0];
}
