import Papa from 'papaparse';

/** A function that splits a record with well-formed quotes into its cells, without their quotes. */
export function createSplitter(delimiter: string): (record: string) => string[] {
  const parser = new Papa.Parser({ delimiter, newline: '\n', preview: 1 });
  // Without a line end, papaparse would take blanks after the last closing quote for a fault.
  return (record) => parser.parse(`${record}\n`, 0, false).data[0];
}
