import { AppError, type Fault } from '../../core/errors.ts';

/** What can be wrong with a row. */
export type CellFaultCode =
  | 'bad_number'
  | 'not_whole'
  | 'out_of_range'
  | 'bad_depth'
  | 'depth_too_large'
  | 'null_depth'
  | 'ragged_row'
  | 'bad_quotes';

/** A fault in an image log, and where it is. */
export interface CellFault {
  code: CellFaultCode;
  /** Rows after the header, counted from 1; blank and empty ones count. */
  row: number;
  /** Lines of the file, counted from 1: where the row starts. */
  line: number;
  /** The column's name as the header gives it; null for a fault of the whole row. */
  column: string | null;
  /** The cell's text, clipped; null for a fault of the whole row. */
  value: string | null;
  message: string;
}

const MAX_LISTED = 100;

/** The first 100 faults, and how many there are. */
export class FaultLog {
  readonly listed: CellFault[] = [];
  /** All faults; a row can have several. */
  total = 0;
  /** Rows with at least one fault. */
  rows = 0;

  /** @param describe not called past 100: texts that nobody sees would make a file of nothing but faults slow */
  add(describe: () => CellFault): void {
    this.total++;
    if (this.listed.length < MAX_LISTED) this.listed.push(describe());
  }
}

/** The `validation_failed` of an upload that has faults: one entry for each of the first 100, the total in `detail`. */
export function faultsError(log: FaultLog): AppError {
  const errors: (Fault & CellFault)[] = log.listed.map((fault) => ({
    path: '/file',
    ...fault,
  }));
  const shown = log.total > errors.length ? ` The first ${errors.length} are listed.` : '';
  const faults = log.total === 1 ? '1 fault' : `${log.total} faults`;
  const rows = log.rows === 1 ? '1 row' : `${log.rows} rows`;
  return new AppError('validation_failed', `The CSV has ${faults} in ${rows}.${shown}`, { errors });
}
