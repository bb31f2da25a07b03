import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Pool } from 'pg';
import type { AppError } from '../core/errors.ts';
import { type ErrorTranslator, toPublicError } from '../http/problem-handler.ts';
import { toProblem } from '../http/problems/problems.ts';
import { isNotModified } from '../http/responses/content.ts';
import { linkNextPage } from '../http/responses/next-page.ts';
import { type Levels, readShownRows, type ShownRows } from './reading/display-rows.ts';
import type { FrameFacts, FrameSelection } from './reading/frame-selection.ts';
import type { Representation } from './reading/representations.ts';
import type { Colormap } from './rows/colormap.ts';

/** What is asked for, read from a request. */
export interface FrameRequest {
  selection: FrameSelection;
  levels: Levels;
  colormap: Colormap;
}

/** The width of all rows, undefined where frame sets of several widths are selected, or none. */
export function commonWidth({ sets }: FrameSelection): number | undefined {
  const widths = new Set(sets.map(({ width }) => width));
  return widths.size === 1 ? [...widths][0] : undefined;
}

/** The headers that say what an answer holds, how it was made and where it goes on. Documented in `FRAME_HEADERS`. */
export function describeFrames(
  request: FastifyRequest,
  reply: FastifyReply,
  { selection, levels, colormap }: FrameRequest,
  facts: FrameFacts,
): void {
  const { filter } = selection;
  const width = commonWidth(selection);
  reply
    .header('x-frame-count', String(facts.count))
    .header('x-frame-order', filter.order)
    .header('x-frame-source', filter.source)
    .header('x-colormap', colormap.name)
    .header('x-normalization', levels.normalization);
  if (levels.normalization === 'dynamic') reply.header('x-normalization-window', String(levels.window));
  if (width !== undefined) reply.header('x-frame-width', String(width));
  if (facts.depthMin !== null) reply.header('x-depth-min', String(facts.depthMin));
  if (facts.depthMax !== null) reply.header('x-depth-max', String(facts.depthMax));
  if (facts.nextCursor !== null) linkNextPage(request, reply, facts.nextCursor);
}

const header = (description: string, type = 'string') => ({ type, description });

/** Headers of answers with frames, for the document. */
export const FRAME_HEADERS = {
  'x-frame-count': header('Frames in the answer; of a picture, those that it was made from.', 'integer'),
  'x-frame-width': header('Pixels of each row, where it is the same for all.', 'integer'),
  'x-frame-order': header('`depth` or `file`.'),
  'x-frame-source': header('`resized` or `original`.'),
  'x-depth-min': header('Least depth of the frames in the answer.', 'number'),
  'x-depth-max': header('Greatest depth of the frames in the answer.', 'number'),
  'x-colormap': header('The colour map used; `custom` for stops of the request.'),
  'x-normalization': header('The normalization used.'),
  'x-normalization-window': header('Depth units of the window of `dynamic`.', 'number'),
  link: header('The next page (`rel="next"`), where there is one.'),
};

/**
 * The entity tag of an answer: frames never change, so it follows from which frame sets there are and what is asked for.
 */
export function frameEtag({ selection, levels, colormap }: FrameRequest, variant: unknown): string {
  const { filter, sets } = selection;
  const identity = [
    filter,
    sets.map(({ id }) => id),
    levels,
    Buffer.from(colormap.table).toString('base64'),
    variant,
  ];
  return `W/"${createHash('sha256').update(JSON.stringify(identity)).digest('base64url')}"`;
}

/** Says which version of an answer this is. Whether the client has it already, so that 304 is the answer. */
export function isKnown(request: FastifyRequest, reply: FastifyReply, etag: string): boolean {
  reply.header('etag', etag).header('cache-control', 'private, no-cache');
  return isNotModified(request, etag);
}

async function* writeAnswer(
  first: IteratorResult<ShownRows, void>,
  rest: AsyncGenerator<ShownRows, void, undefined>,
  representation: Representation,
  columns: number | undefined,
): AsyncGenerator<Buffer, void, undefined> {
  const head = representation.head(columns);
  if (first.done) {
    yield Buffer.from(head + representation.tail);
    return;
  }
  if (head !== '') yield Buffer.from(head);
  yield representation.rows(first.value, true);
  for await (const rows of rest) yield representation.rows(rows, false);
  if (representation.tail !== '') yield Buffer.from(representation.tail);
}

/** Ends lines of JSON with one that says why there are no more. */
async function* endWithProblem(
  lines: AsyncGenerator<Buffer, void, undefined>,
  describe: (error: unknown) => AppError,
  request: FastifyRequest,
): AsyncGenerator<Buffer, void, undefined> {
  try {
    yield* lines;
  } catch (error) {
    yield Buffer.from(`\n${JSON.stringify({ error: toProblem(describe(error), request) })}\n`);
  }
}

export interface StreamOptions {
  pool: Pool;
  facts: FrameFacts;
  translateError: ErrorTranslator;
}

/**
 * Answers with frames one after the other. The first rows are read before the answer begins, so that a failure until then
 * is a problem; a later one breaks the connection, or ends NDJSON with an error line.
 */
export async function sendFrames(
  request: FastifyRequest,
  reply: FastifyReply,
  frames: FrameRequest,
  representation: Representation,
  { pool, facts, translateError }: StreamOptions,
): Promise<FastifyReply> {
  const rows = readShownRows(pool, frames.selection, frames.levels, facts.count);
  const first = request.method === 'HEAD' ? undefined : await rows.next();
  // A failure does not answer with the headers of frames.
  describeFrames(request, reply, frames, facts);
  reply.type(representation.mediaType);
  if (representation.filename !== undefined) {
    reply.header('content-disposition', `inline; filename="${representation.filename}"`);
  }
  // An empty stream: for anything else Fastify would count its bytes as the length.
  if (first === undefined) return reply.send(Readable.from([]));
  const body = writeAnswer(first, rows, representation, commonWidth(frames.selection));
  const isNdjson = representation.mediaType === 'application/x-ndjson';
  const describe = (error: unknown) => toPublicError(error, request, translateError);
  return reply.send(
    Readable.from(isNdjson ? endWithProblem(body, describe, request) : body, { objectMode: false }),
  );
}
