import papaparse from 'papaparse';
import type { ItemState, Job, JobItem } from './queue/job.ts';
import type { JobStore } from './queue/job-store.ts';

/** The states of items that did not succeed. */
const UNDONE: readonly ItemState[] = ['failed', 'cancelled', 'expired'];

/** Items that are read at once. */
const BATCH = 500;

const COLUMNS = ['position', 'input_type', 'input_id', 'state', 'attempts', 'code', 'detail', 'ended_at'];

/** The items of a job that did not succeed, as rows of CSV (RFC 4180) after a header. */
export async function* errorReport(job: Job, store: JobStore): AsyncGenerator<string> {
  yield toCsv([COLUMNS]);
  let cursor: string | undefined;
  do {
    const page = await store.items(job.ownerId, job.id, {
      limit: BATCH,
      states: UNDONE,
      ...(cursor === undefined ? {} : { cursor }),
    });
    if (page.items.length > 0) yield toCsv(page.items.map(toRow));
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
}

function toRow({ position, input, state, attempt, problem, endedAt }: JobItem): (string | number)[] {
  return [
    position,
    input.type,
    input.id ?? '',
    state,
    attempt,
    problem?.code ?? '',
    problem?.detail ?? '',
    endedAt?.toISOString() ?? '',
  ];
}

/** Cells that spreadsheets would take for formulas are escaped. */
function toCsv(rows: (string | number)[][]): string {
  return `${papaparse.unparse(rows, { newline: '\r\n', escapeFormulae: true })}\r\n`;
}
