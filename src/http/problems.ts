import { type Static, Type } from '@sinclair/typebox';
import { type AppError, ERROR_CODES, type ErrorCode } from '../errors.ts';
import { StringEnum } from '../schema.ts';

/** The one table from error code to HTTP status and title. */
export const PROBLEMS = {
  malformed_json: { status: 400, title: 'Malformed JSON' },
  malformed_multipart: { status: 400, title: 'Malformed multipart body' },
  malformed_request: { status: 400, title: 'Malformed request' },
  incomplete_body: { status: 400, title: 'Body cut off' },
  host_not_allowed: { status: 403, title: 'Host not allowed' },
  cross_site_request: { status: 403, title: 'Cross-site request refused' },
  not_found: { status: 404, title: 'Not found' },
  method_not_allowed: { status: 405, title: 'Method not allowed' },
  not_acceptable: { status: 406, title: 'Not acceptable' },
  request_timeout: { status: 408, title: 'Request timeout' },
  conflict: { status: 409, title: 'Conflict' },
  precondition_failed: { status: 412, title: 'Precondition failed' },
  file_too_large: { status: 413, title: 'File too large' },
  request_too_large: { status: 413, title: 'Request too large' },
  too_many_files: { status: 413, title: 'Too many files' },
  unsupported_media_type: { status: 415, title: 'Unsupported media type' },
  unsupported_image_format: { status: 415, title: 'Unsupported image format' },
  range_not_satisfiable: { status: 416, title: 'Range not satisfiable' },
  expectation_failed: { status: 417, title: 'Expectation failed' },
  validation_failed: { status: 422, title: 'Validation failed' },
  undecodable_image: { status: 422, title: 'Undecodable image' },
  too_many_pixels: { status: 422, title: 'Too many pixels' },
  output_too_large: { status: 422, title: 'Output too large' },
  operation_timeout: { status: 422, title: 'Operation timeout' },
  decoder_crashed: { status: 422, title: 'Decoder crashed' },
  headers_too_large: { status: 431, title: 'Request headers too large' },
  internal_error: { status: 500, title: 'Internal error' },
  overloaded: { status: 503, title: 'Overloaded' },
  database_unavailable: { status: 503, title: 'Database unavailable' },
  storage_unavailable: { status: 503, title: 'Storage unavailable' },
} as const satisfies Record<ErrorCode, { status: number; title: string }>;

export const FaultSchema = Type.Object(
  {
    location: StringEnum(['body', 'query', 'path', 'header'], { description: 'The part of the request.' }),
    path: Type.String({
      description: 'JSON Pointer (RFC 6901) to the value in that part; empty for the whole of it.',
    }),
    message: Type.String({ description: 'What was expected.' }),
  },
  {
    $id: 'Fault',
    description: 'One fault of a request.',
    examples: [{ location: 'body', path: '/operations/0/width', message: 'must be >= 1' }],
  },
);

export const ProblemSchema = Type.Object(
  {
    type: Type.String({ format: 'uri-reference', description: 'Names the kind of problem.' }),
    title: Type.String({ description: 'The kind of problem, for people.' }),
    status: Type.Integer({ description: 'The HTTP status.' }),
    detail: Type.String({ description: 'What went wrong this time.' }),
    instance: Type.String({ description: 'The path of the request.' }),
    code: StringEnum(ERROR_CODES, { description: 'The kind of problem, for programs. Stable.' }),
    request_id: Type.String({ description: 'Find the request in the log by it.' }),
    errors: Type.Optional(
      Type.Array(Type.Ref('Fault'), {
        description: 'Every fault found, where there are several or where they can be located.',
      }),
    ),
  },
  {
    $id: 'Problem',
    description: 'Why a request failed (RFC 9457).',
    examples: [
      {
        type: '/problems/validation_failed',
        title: 'Validation failed',
        status: 422,
        detail: 'The request has 1 fault: body/operations/0/width must be >= 1',
        instance: '/images/5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11/transform',
        code: 'validation_failed',
        request_id: '01c3a8f0-6b52-4c35-9d6f-0f7a3d0c7a55',
        errors: [{ location: 'body', path: '/operations/0/width', message: 'must be >= 1' }],
      },
    ],
  },
);

export type Problem = Omit<Static<typeof ProblemSchema>, 'errors'> & { errors?: AppError['errors'] };

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** The problem document of a failure. Nothing of `cause` is in it. */
export function toProblem(error: AppError, request: { id: string; url: string }): Problem {
  const { status, title } = PROBLEMS[error.code];
  return {
    type: `/problems/${error.code}`,
    title,
    status,
    detail: error.detail,
    instance: request.url.split('?', 1)[0] ?? '/',
    code: error.code,
    request_id: request.id,
    ...(error.errors.length > 0 ? { errors: error.errors } : {}),
  };
}

/** What any route can answer, whatever it does. */
const COMMON_CODES: readonly ErrorCode[] = [
  'malformed_request',
  'host_not_allowed',
  'not_acceptable',
  'internal_error',
];

/**
 * The `response` entries of a route's schema for the failures it can have (those that any route can have are added):
 * one entry per status, naming its codes.
 */
export function problemResponses(...codes: ErrorCode[]): Record<number, object> {
  return problemResponsesOf('Problem', codes);
}

/** Like `problemResponses`, for a route whose problems have members of their own. */
export function problemResponsesOf(schema: string, codes: readonly ErrorCode[]): Record<number, object> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of new Set([...codes, ...COMMON_CODES])) {
    const { status } = PROBLEMS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, names]) => [
      status,
      {
        description: names.map((name) => `${PROBLEMS[name].title} (\`${name}\`)`).join(' · '),
        content: { [PROBLEM_MEDIA_TYPE]: { schema: Type.Ref(schema) } },
      },
    ]),
  );
}
