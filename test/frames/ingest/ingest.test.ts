import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { CopyRowEncoder } from '../../../src/frames/ingest/copy-rows.ts';
import { ingestLog, type RowSink, type StoredLog } from '../../../src/frames/ingest/ingest.ts';
import type { IngestOptions, IngestSummary } from '../../../src/frames/ingest/messages.ts';
import { IngestThreads } from '../../../src/frames/ingest/threads.ts';
import { writeLog } from '../app.ts';
import { parseLog } from '../support.ts';

const ID = '5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11';
const WIDTH = 20;
const PIECE_BYTES = 10_000;
const OPTIONS: IngestOptions = { width: WIDTH, kernel: 'nearest' };

/** A sink that keeps in memory what it is told, and can be told to be slow, to fail or to know the log. */
class MemorySink implements RowSink {
  readonly frameSetId = ID;
  readonly calls: string[] = [];
  readonly chunks: Uint8Array[] = [];
  summary: IngestSummary | undefined;
  onWrite: () => Promise<void> = async () => undefined;
  stored: StoredLog = { frameSetId: ID, isNew: true };

  async write(rows: Uint8Array): Promise<void> {
    if (this.calls.at(-1) !== 'write') this.calls.push('write');
    this.chunks.push(rows);
    await this.onWrite();
  }

  async finish(summary: IngestSummary): Promise<StoredLog> {
    this.calls.push('finish');
    this.summary = summary;
    return this.stored;
  }

  async abort(): Promise<void> {
    this.calls.push('abort');
  }
}

/** A file cut into pieces, which says how much of it was read and whether it was let go. */
class PiecewiseFile {
  read = 0;
  isOver = false;
  readonly #bytes: Buffer;

  constructor(text: string) {
    this.#bytes = Buffer.from(text);
  }

  get length(): number {
    return this.#bytes.length;
  }

  async *pieces(): AsyncGenerator<Buffer> {
    try {
      for (let at = 0; at < this.length; at += PIECE_BYTES) {
        const piece = this.#bytes.subarray(at, at + PIECE_BYTES);
        this.read += piece.length;
        yield piece;
      }
    } finally {
      this.isOver = true;
    }
  }
}

function startThreads(t: Test) {
  const threads = new IngestThreads({ concurrency: 1, queue: 0 });
  t.teardown(() => threads.close());
  const { signal } = new AbortController();
  return (bytes: AsyncIterable<Buffer>, sink: RowSink, over: AbortSignal = signal) =>
    threads.use(signal, (thread) => ingestLog(bytes, sink, { thread, options: OPTIONS, signal: over }));
}

t.test('the rows come in order, as binary COPY, and then the summary', async (t) => {
  const ingest = startThreads(t);
  const log = writeLog(40_000, WIDTH);
  const sink = new MemorySink();
  t.strictSame(await ingest(new PiecewiseFile(log).pieces(), sink), { frameSetId: ID, isNew: true });
  t.strictSame(sink.calls, ['write', 'finish'], 'nothing is aborted');
  const encoder = new CopyRowEncoder(ID);
  // At the width of the file, rows are their own resized ones.
  const expected = parseLog(log).batches.map((batch) => encoder.encode(batch, batch, WIDTH));
  t.ok(Buffer.concat(sink.chunks).equals(Buffer.concat(expected)));
  t.match(sink.summary, { columns: WIDTH, size: log.length, quality: { rows: 40_000 }, fault_total: 0 });
  t.strictSame(Buffer.from(sink.summary?.sha256 ?? []), createHash('sha256').update(log).digest());
});

t.test('the same log is an answer, not a failure', async (t) => {
  const ingest = startThreads(t);
  const sink = new MemorySink();
  sink.stored = { frameSetId: 'another', isNew: false };
  t.strictSame(await ingest(new PiecewiseFile(writeLog(5, WIDTH)).pieces(), sink), sink.stored);
  t.strictSame(sink.calls, ['write', 'finish']);
});

t.test('the first fault gives the rows up, and all are counted', async (t) => {
  const ingest = startThreads(t);
  const log = writeLog(60_000, WIDTH, (row, column) => (column === 3 && row % 300 === 299 ? 'x' : 7));
  const file = new PiecewiseFile(log);
  const sink = new MemorySink();
  let readAtAbort = Number.NaN;
  sink.abort = async () => {
    sink.calls.push('abort');
    readAtAbort = file.read;
  };
  await t.rejects(ingest(file.pieces(), sink), {
    code: 'validation_failed',
    detail: 'The CSV has 200 faults in 200 rows. The first 100 are listed.',
  });
  t.equal(sink.calls.filter((call) => call === 'abort').length, 1);
  t.notOk(sink.calls.includes('finish'));
  t.ok(readAtAbort < log.length, `given up after ${readAtAbort} of ${log.length} bytes`);
  t.equal(file.read, log.length);
});

t.test('a file that is not a log is refused, and the sink is told', async (t) => {
  const ingest = startThreads(t);
  const sink = new MemorySink();
  await t.rejects(ingest(new PiecewiseFile('col1,col2\n1,2\n').pieces(), sink), {
    code: 'validation_failed',
  });
  t.strictSame(sink.calls, ['abort']);
  t.match(await ingest(new PiecewiseFile(writeLog(5, WIDTH)).pieces(), new MemorySink()), { isNew: true });
});

t.test('a file that fails on its way fails the log, also after its last row', async (t) => {
  const ingest = startThreads(t);
  const failure = new Error('too long');
  const failing = async function* (rows: number) {
    yield Buffer.from(writeLog(rows, WIDTH));
    throw failure;
  };
  for (const rows of [1, 50_000]) {
    const sink = new MemorySink();
    await t.rejects(ingest(failing(rows), sink), failure);
    t.equal(sink.calls.at(-1), 'abort');
    t.notOk(sink.calls.includes('finish'));
  }
});

t.test('a sink that fails ends the log and lets the file go', async (t) => {
  const ingest = startThreads(t);
  const failure = new Error('disk full');
  const writing = new MemorySink();
  writing.onWrite = () => Promise.reject(failure);
  const file = new PiecewiseFile(writeLog(100_000, WIDTH));
  await t.rejects(ingest(file.pieces(), writing), failure);
  t.strictSame(writing.calls, ['write', 'abort']);
  await sleep(10);
  t.ok(file.isOver);
  const finishing = new MemorySink();
  finishing.finish = () => Promise.reject(failure);
  await t.rejects(ingest(new PiecewiseFile(writeLog(5, WIDTH)).pieces(), finishing), failure);
  t.equal(finishing.calls.at(-1), 'abort');
});

t.test('a sink that waits stops the reading', async (t) => {
  const ingest = startThreads(t);
  const log = writeLog(150_000, WIDTH);
  const file = new PiecewiseFile(log);
  const sink = new MemorySink();
  const { promise, resolve } = Promise.withResolvers<void>();
  sink.onWrite = () => promise;
  const stored = ingest(file.pieces(), sink);
  while (sink.chunks.length === 0) await sleep(5);
  await sleep(200);
  // Four chunks of 256 KiB under way, those whose rows wait, and one that has filled no batch yet.
  t.ok(file.read <= 7 * 256 * 1024, `${file.read} of ${log.length} bytes were read`);
  resolve();
  await stored;
  t.equal(file.read, log.length);
});

t.test('an abort takes effect at once, before the log begins and in its middle', async (t) => {
  const ingest = startThreads(t);
  const gone = new Error('gone');
  const before = new MemorySink();
  await t.rejects(
    ingest(new PiecewiseFile(writeLog(5, WIDTH)).pieces(), before, AbortSignal.abort(gone)),
    gone,
  );
  t.strictSame(before.calls, ['abort']);
  const controller = new AbortController();
  const endless = async function* () {
    yield Buffer.from(writeLog(50_000, WIDTH));
    await new Promise(() => undefined);
  };
  const sink = new MemorySink();
  sink.onWrite = async () => controller.abort(gone);
  await t.rejects(ingest(endless(), sink, controller.signal), gone);
  t.strictSame(sink.calls, ['write', 'abort']);
});
