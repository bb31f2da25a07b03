import { type Static, Type } from '@sinclair/typebox';
import { AppError, type Fault } from '../../core/errors.ts';
import { counted, MAX_LISTED } from '../../core/faults.ts';
import { Nullable } from '../../core/schema.ts';
import type { PixelFault } from './cells.ts';

export type CellFaultCode =
  | PixelFault
  | 'bad_depth'
  | 'depth_too_large'
  | 'null_depth'
  | 'ragged_row'
  | 'bad_quotes';

export const CellFaultSchema = Type.Object(
  {
    code: Type.Unsafe<CellFaultCode>(Type.String({ examples: ['out_of_range'] })),
    row: Type.Integer({ description: 'Row number in the file, counted from 1 after the header.' }),
    line: Type.Integer({ description: 'Line number in the file, counted from 1.' }),
    column: Nullable('string', { description: 'Null for a fault of the whole row.' }),
    value: Nullable('string', { description: 'The text of the cell, clipped.' }),
    message: Type.String(),
  },
  { $id: 'CellFault', description: 'A fault in a CSV file and its place.' },
);
export type CellFault = Static<typeof CellFaultSchema>;

/** The first 100 faults and the number of all. */
export class FaultLog {
  readonly listed: CellFault[] = [];
  /** All faults; a row can have several. */
  total = 0;
  /** Rows with at least one fault. */
  rows = 0;

  /** @param describe called for the first 100 only, so that a file full of faults is not slow to read */
  add(describe: () => CellFault): void {
    this.total++;
    if (this.listed.length < MAX_LISTED) this.listed.push(describe());
  }
}

/** The `validation_failed` of an upload with faults: an entry for each of the first 100, and the total in `detail`. */
export function csvError(log: FaultLog): AppError {
  const errors: (Fault & CellFault)[] = log.listed.map((fault) => ({ path: '/file', ...fault }));
  const shown = log.total > errors.length ? ` The first ${errors.length} are listed.` : '';
  const where = `${counted(log.total, 'fault')} in ${counted(log.rows, 'row')}`;
  return new AppError('validation_failed', `The CSV has ${where}.${shown}`, { errors });
}
