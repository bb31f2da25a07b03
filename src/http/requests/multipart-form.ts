import { addAbortSignal, type Readable } from 'node:stream';
import type {} from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import { AppError, type Fault } from '../../core/errors.ts';
import { escapePointer, mismatch, parameterErrors, parameterFault, Words } from '../../core/faults.ts';
import { didYouMean, suggestParameter } from '../../core/suggestion.ts';
import type { LocatedFault } from '../problems/fault-location.ts';
import { refuseEncoded } from './content-encoding.ts';
import { contentTypeError, headerError } from './header-faults.ts';

export interface FormLimits {
  /** Maximum bytes of one file; a longer file is cut off there and `isTooLarge`. */
  maxFileBytes: number;
  /** Maximum bytes of the whole body. */
  maxRequestBytes: number;
  maxFiles: number;
}

/** One file part of a form, as it arrives. */
export interface FormFile {
  /** As the client sent it: unsafe. Empty if it sent none. */
  filename: string;
  /** The fields before it that `receiveForm` was told to accept, by their names. */
  fields: Readonly<Record<string, string | string[]>>;
  /** The bytes. The form does not end until they are read. Fails with the same errors as `receiveForm`. */
  chunks: AsyncIterable<Buffer>;
  /** Whether the file was longer than `maxFileBytes`; known after the bytes are read. */
  isTooLarge(): boolean;
}

/** A multipart form as it arrives. */
export type Form = AsyncGenerator<FormFile, void, undefined>;

/** Fields that are not files. Each of them becomes a fault. */
const MAX_OTHER_FIELDS = 20;

const LIMIT_CODES = ['FST_PARTS_LIMIT', 'FST_FILES_LIMIT', 'FST_FIELDS_LIMIT'];

/** A part is a file if it has a file name or a type other than that of plain fields (RFC 7578, 4.2 and 4.4). */
const isPartAFile = (_field?: string, type?: string, filename?: string) =>
  filename !== undefined || type !== 'text/plain';

/** RFC 2046, 5.1.1. */
const MAX_BOUNDARY_LENGTH = 70;
const FORM_TYPE = /^multipart\/form-data\s*(;|$)/i;
const BOUNDARY = /;\s*boundary\s*=\s*(?:"([^"]*)"|([^;\s]*))/i;

/**
 * Refuses a request by its headers if its body could not be received. For a hook before the body is parsed, so that
 * nothing of it is read.
 *
 * @param otherwise what the route accepts besides a form, for the message: ", or …"
 * @throws AppError `unsupported_media_type`, `malformed_multipart`, `request_too_large`
 */
export function refuseUnreceivable(
  request: FastifyRequest,
  { maxRequestBytes }: FormLimits,
  otherwise = '',
): void {
  const { 'content-type': type = '', 'content-length': length = '0' } = request.headers;
  if (!FORM_TYPE.test(type)) {
    throw contentTypeError(request, `multipart/form-data${otherwise}`);
  }
  refuseEncoded(request);
  const [, quoted, bare] = BOUNDARY.exec(type) ?? [];
  const boundary = quoted ?? bare ?? '';
  if (boundary === '' || boundary.length > MAX_BOUNDARY_LENGTH) {
    const detail = `Content-Type must name a boundary of 1 to ${MAX_BOUNDARY_LENGTH} characters (RFC 2046, 5.1.1).`;
    const expected = `a boundary of 1 to ${MAX_BOUNDARY_LENGTH} characters`;
    throw headerError(request, 'malformed_multipart', detail, { name: 'content-type', expected });
  }
  if (Number(length) > maxRequestBytes) throw bodyTooLarge(maxRequestBytes);
}

function bodyTooLarge(maxBytes: number): AppError {
  return new AppError('request_too_large', `The body is larger than the maximum of ${maxBytes} bytes.`);
}

/** A signal that is aborted when the body becomes too large, whatever `Content-Length` says. */
function watchBodySize(request: FastifyRequest, limits: FormLimits): AbortSignal {
  const controller = new AbortController();
  let bytes = 0;
  request.raw.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > limits.maxRequestBytes && !controller.signal.aborted)
      controller.abort(bodyTooLarge(limits.maxRequestBytes));
  });
  return controller.signal;
}

async function* readChunks(
  file: Readable,
  request: FastifyRequest,
  tooLarge: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  try {
    yield* addAbortSignal(tooLarge, file) as AsyncIterable<Buffer>;
  } catch (error) {
    throw toUploadError(tooLarge.aborted ? tooLarge.reason : error, request);
  }
}

export interface FormOptions {
  field: string;
  alias?: string;
  fields?: readonly string[];
  limits: FormLimits;
}

/**
 * Yields the files of a multipart body one after the other as they arrive; the caller reads each before it asks for the next.
 * Ends when the whole body has arrived and is well-formed. Call `refuseUnreceivable` first.
 *
 * @param options.field name of the file field
 * @param options.alias another name of it
 * @param options.fields names of text fields that may come before the file. Any other field is a fault. If it comes before the file, the
 *   file is not read
 * @throws AppError `malformed_multipart`, `incomplete_body`, `request_too_large`,
 *   `too_many_files`, or `validation_failed` for unknown fields or if there was no file
 */
export async function* receiveForm(
  request: FastifyRequest,
  { field, alias, fields = [], limits }: FormOptions,
): Form {
  const tooLarge = watchBodySize(request, limits);
  const faults: LocatedFault[] = [];
  const addFault = (fault: Fault) => faults.push({ location: 'body', ...fault });
  const given: Record<string, string | string[]> = {};
  let fileCount = 0;
  let isComplete = false;
  try {
    const parts = request.parts({
      isPartAFile,
      limits: {
        fileSize: limits.maxFileBytes,
        files: limits.maxFiles,
        parts: limits.maxFiles + MAX_OTHER_FIELDS,
        fields: MAX_OTHER_FIELDS,
        fieldSize: 10_000,
        fieldNameSize: 200,
        headerPairs: 20,
      },
    });
    for await (const part of parts) {
      tooLarge.throwIfAborted();
      // Despite the parser's type, it is undefined if the part's header has no name.
      const name: string = part.fieldname ?? '';
      const isFileField = name === field || name === alias;
      if (part.type === 'file' && isFileField) {
        if (faults.length > 0) {
          part.file.resume();
          throw parameterErrors(faults);
        }
        fileCount += 1;
        const { file } = part;
        // Despite the parser's type, it is undefined if the part's header has none.
        const filename: string = part.filename ?? '';
        const isTooLarge = () => file.truncated === true;
        yield { filename, fields: given, chunks: readChunks(file, request, tooLarge), isTooLarge };
      } else {
        if (part.type === 'file') part.file.resume();
        if (part.type === 'field' && fields.includes(name) && fileCount === 0) {
          addValue(given, name, String(part.value));
          continue;
        }
        addFault(
          isFileField
            ? parameterFault(
                `/${name}`,
                'a file',
                new Words('a field with neither filename nor Content-Type'),
              )
            : {
                path: `/${escapePointer(name.slice(0, 100))}`,
                message: unknownField(name, field, fields),
              },
        );
      }
    }
    tooLarge.throwIfAborted();
    isComplete = true;
  } catch (error) {
    const failure = tooLarge.aborted ? tooLarge.reason : error;
    throw toLimitError(failure, limits) ?? toUploadError(failure, request);
  } finally {
    // The rest of the body is dropped, so that the connection does not stall.
    if (!isComplete) {
      request.raw.unpipe();
      request.raw.resume();
    }
  }
  const isNamed = ({ path }: Fault) => path === `/${field}` || path === `/${alias}`;
  if (fileCount === 0 && !faults.some(isNamed)) {
    const what = limits.maxFiles === 1 ? 'a file' : 'at least one file';
    addFault(parameterFault(`/${field}`, what, undefined));
  }
  if (faults.length > 0) throw parameterErrors(faults);
}

function addValue(values: Record<string, string | string[]>, name: string, value: string): void {
  const before = values[name];
  values[name] = before === undefined ? value : [before, value].flat();
}

function unknownField(name: string, file: string, fields: readonly string[]): string {
  if (fields.includes(name)) return mismatch(name, `its place before ${file}`, new Words('it behind it'));
  if (fields.length === 0) return mismatch('', `${file} as the only field`, name);
  const hint = didYouMean(suggestParameter(name, [file, ...fields]));
  return mismatch('', `${file} and, before it, any of ${fields.join(', ')}`, name) + hint;
}

/** Waits for the first item, such as the first file of a form. The result yields it and the others. */
export async function waitForFirst<T>(
  items: AsyncGenerator<T, void, undefined>,
): Promise<AsyncGenerator<T, void, undefined>> {
  const first = await items.next();
  return (async function* () {
    if (first.done) return;
    yield first.value;
    yield* items;
  })();
}

function toLimitError(error: unknown, { maxFiles }: FormLimits): AppError | undefined {
  if (!(error instanceof Error && 'code' in error && LIMIT_CODES.includes(String(error.code))))
    return undefined;
  const files = maxFiles === 1 ? 'one file' : `up to ${maxFiles} files`;
  return new AppError('too_many_files', `The form has too many parts; send ${files}.`, { cause: error });
}

/** The parser reports malformed bodies as plain errors without a code; all other errors pass through. */
export function toUploadError(error: unknown, request: FastifyRequest): unknown {
  if (!(error instanceof Error)) return error;
  const isPlain = Object.getPrototypeOf(error) === Error.prototype && !('code' in error);
  const isReset = 'code' in error && error.code === 'ECONNRESET';
  if ((isPlain || isReset) && request.raw.destroyed && !request.raw.complete) {
    return new AppError('incomplete_body', 'The body ended before it was complete.', { cause: error });
  }
  if (!isPlain) return error;
  return new AppError(
    'malformed_multipart',
    `The body is not well-formed multipart/form-data: ${error.message.replace(/\.+$/, '')}.`,
    { cause: error },
  );
}
