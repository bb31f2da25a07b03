import { type Static, Type } from '@sinclair/typebox';
import { AppError, ERROR_CODES, type ErrorCode } from '../../core/errors.ts';
import { parameterErrors, parameterFault } from '../../core/faults.ts';
import { Nullable, StringEnum } from '../../core/schema.ts';
import { type LocatedFault, locateFault, type ParameterSource } from './fault-location.ts';

/** How to authenticate (RFC 6750, 3). Every 401 says it. */
export const CHALLENGE = 'Bearer realm="Coreframe"';

/** The one table from error code to HTTP status, title, when it happens, and what a client can do. Texts are Markdown. */
export const PROBLEMS = {
  malformed_json: {
    status: 400,
    title: 'Malformed JSON',
    when: 'The body is not well-formed JSON.',
    remedy:
      'Send well-formed JSON: double quotes around names and texts, no comma after the last member, no comments.',
  },
  malformed_multipart: {
    status: 400,
    title: 'Malformed multipart body',
    when: 'The body is not a well-formed multipart form, or its boundary is missing.',
    remedy:
      'Let the HTTP client build the form, and do not set `Content-Type` yourself: the client adds the boundary.',
  },
  malformed_request: {
    status: 400,
    title: 'Malformed request',
    when: 'The request is not well-formed HTTP, or its URL cannot be decoded.',
    remedy: 'Encode the URL with percent signs (UTF-8), and send well-formed HTTP.',
  },
  incomplete_body: {
    status: 400,
    title: 'Body cut off',
    when: 'The body ended before it was complete. Nothing was stored.',
    remedy: 'Send the request again. Check that `Content-Length` is the length of the body.',
  },
  authentication_required: {
    status: 401,
    title: 'Authentication required',
    when: 'The request has no credential, and the operation needs one.',
    remedy:
      'Send an API key in `X-API-Key`, or an access token from [`POST /auth/token`](/docs) in `Authorization: Bearer`.',
  },
  invalid_credential: {
    status: 401,
    title: 'Invalid credential',
    when: 'The access token, refresh token or API key is malformed, expired or revoked, or its user is disabled.',
    remedy: 'Log in again, or use another API key. An access token expires after `ACCESS_TOKEN_SECONDS`.',
  },
  log_in_failed: {
    status: 401,
    title: 'Log-in failed',
    when: 'No enabled user has this e-mail address and password.',
    remedy: 'Check the e-mail address and the password. An administrator can set a new password.',
  },
  host_not_allowed: {
    status: 403,
    title: 'Host not allowed',
    when: '`Host` names a host that the server does not serve (`ALLOWED_HOSTS`).',
    remedy: 'Use the name under which the service is published, or add this name to `ALLOWED_HOSTS`.',
  },
  cross_site_request: {
    status: 403,
    title: 'Cross-site request refused',
    when: 'A page from another origin made the request (`CORS_ORIGINS`).',
    remedy:
      'Add the origin of the page to `CORS_ORIGINS`, or make the request from a program instead of a page.',
  },
  insufficient_scope: {
    status: 403,
    title: 'Insufficient scope',
    when: 'The credential does not have the scope that the operation needs; `detail` and `WWW-Authenticate` name the scope.',
    remedy: 'Use an API key or an access token with this scope. Only administrators have the scope `admin`.',
  },
  permit_refused: {
    status: 403,
    title: 'Permit refused',
    when: 'A worker claims with a permit that the service has not sent, that was used already, or that was replaced. Workers meet this in normal operation, when a message is delivered twice.',
    remedy: 'Nothing; the worker takes the next message.',
  },
  log_in_required: {
    status: 403,
    title: 'Log-in required',
    when: 'The operation changes how a user logs in, so it needs an access token from a log-in. An API key is not enough.',
    remedy: 'Log in at `POST /auth/token`, and send the access token.',
  },
  registration_closed: {
    status: 403,
    title: 'Registration closed',
    when: 'Only administrators may create users (`REGISTRATION`).',
    remedy: 'Ask an administrator for an account.',
  },
  not_found: {
    status: 404,
    title: 'Not found',
    when: 'The path does not exist, or the client has no resource with this id.',
    remedy:
      'Compare the path with those in [`/docs`](/docs), and the id with those in the list of the resource.',
  },
  method_not_allowed: {
    status: 405,
    title: 'Method not allowed',
    when: 'The path exists but does not support this method; `Allow` lists the methods that it supports.',
    remedy: 'Use one of the methods in `Allow`.',
  },
  not_acceptable: {
    status: 406,
    title: 'Not acceptable',
    when: '`Accept` allows none of the formats that `format=auto` can choose from.',
    remedy: 'Accept one of the formats (`Accept: image/*`), or name a `format`.',
  },
  request_timeout: {
    status: 408,
    title: 'Request timeout',
    when: 'The client sent nothing for too long, or sent too slowly (`IDLE_TIMEOUT_MS`, `MIN_TRANSFER_RATE`).',
    remedy: 'Send the request again, without pauses. On a slow connection, send fewer files at a time.',
  },
  conflict: {
    status: 409,
    title: 'Conflict',
    when: 'Another request changed the same resource in the meantime; try again.',
    remedy: 'Read the resource again, then repeat the request.',
  },
  email_taken: {
    status: 409,
    title: 'E-mail address taken',
    when: 'Another user has this e-mail address.',
    remedy: 'Use another address, or log in as this user.',
  },
  last_admin: {
    status: 409,
    title: 'Last administrator',
    when: 'The change would leave no enabled administrator who can log in.',
    remedy: 'Make another user an administrator first.',
  },
  already_set_up: {
    status: 409,
    title: 'Already set up',
    when: 'The first administrator exists already.',
    remedy: 'Log in as an administrator, who can create more users.',
  },
  precondition_failed: {
    status: 412,
    title: 'Precondition failed',
    when: '`If-Match` names another version of the content.',
    remedy: 'Request the current content, and use its `ETag`.',
  },
  file_too_large: {
    status: 413,
    title: 'File too large',
    when: 'A file is larger than `MAX_FILE_BYTES`, or an image log is larger than `MAX_CSV_BYTES`.',
    remedy: 'Send a smaller file, or raise the setting.',
  },
  request_too_large: {
    status: 413,
    title: 'Request too large',
    when: 'The body is larger than `MAX_REQUEST_BYTES` (for an image log: `MAX_CSV_BYTES` plus 64 KiB), or a JSON body is larger than 1 MiB (for a job, plus 64 bytes for each of `MAX_JOB_ITEMS`).',
    remedy: 'Send fewer files in a request, or raise the setting.',
  },
  too_many_files: {
    status: 413,
    title: 'Too many files',
    when: 'An upload has more than `MAX_FILES` files or too many other parts, or an image log upload has more than one file.',
    remedy: 'Send the files in several requests.',
  },
  quota_exceeded: {
    status: 413,
    title: 'Storage quota exceeded',
    when: 'The user would store more bytes than `storage_quota_bytes` allows.',
    remedy: 'Delete images, artifacts or image logs, or ask an administrator for a larger quota.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'Unsupported media type',
    when: 'The operation does not accept this `Content-Type`, or the body is compressed.',
    remedy:
      'Send JSON as `application/json` and files as `multipart/form-data`, both without `Content-Encoding`.',
  },
  unsupported_image_format: {
    status: 415,
    title: 'Unsupported image format',
    when: 'The file is not a JPEG, PNG, WebP, GIF, TIFF or AVIF.',
    remedy:
      'Convert the file to one of these formats before you send it. Image logs (CSV) go to `POST /upload`.',
  },
  range_not_satisfiable: {
    status: 416,
    title: 'Range not satisfiable',
    when: '`Range` lies outside the content.',
    remedy: 'Request a range within the size in `Content-Range`, or the whole content.',
  },
  expectation_failed: {
    status: 417,
    title: 'Expectation failed',
    when: '`Expect` asks for something other than `100-continue`.',
    remedy: 'Leave out `Expect`, or send `Expect: 100-continue`.',
  },
  validation_failed: {
    status: 422,
    title: 'Validation failed',
    when: 'The request is well-formed, but some of its values are wrong; `errors` lists every fault, up to 100.',
    remedy:
      'Correct the values that `errors` names. Each message says what is expected; [`/docs`](/docs) describes every parameter.',
  },
  undecodable_image: {
    status: 422,
    title: 'Undecodable image',
    when: 'The file is truncated or corrupt, or uses a feature that cannot be decoded.',
    remedy:
      'Check that the file opens in a viewer and was transferred completely. Saving it again often repairs it.',
  },
  too_many_pixels: {
    status: 422,
    title: 'Too many pixels',
    when: 'The picture has more pixels than `MAX_PIXELS` or `MAX_TOTAL_PIXELS`, or needs more memory than `MAX_DECODE_BYTES`.',
    remedy: 'Reduce the picture before you send it, or raise the setting.',
  },
  output_too_large: {
    status: 422,
    title: 'Output too large',
    when: 'The result or an intermediate step would have more pixels than `MAX_OUTPUT_PIXELS` or a longer side than its format allows, or its outlines would have more than 3,000,000 corners.',
    remedy: 'Ask for a smaller result, or for a format that allows it.',
  },
  operation_timeout: {
    status: 422,
    title: 'Operation timeout',
    when: 'The image operation took longer than `OPERATION_TIMEOUT_MS` and was killed.',
    remedy: 'Work on a smaller picture or part of it, use less `effort`, or raise the setting.',
  },
  memory_limit_exceeded: {
    status: 422,
    title: 'Too much memory needed',
    when: 'The image operation needed more memory than `MAX_DECODE_BYTES` and was killed.',
    remedy: 'Work on a smaller picture, or raise the setting.',
  },
  decoder_crashed: {
    status: 422,
    title: 'Decoder crashed',
    when: 'The process that decoded the picture crashed.',
    remedy: 'Save the picture again with another program, and send that file.',
  },
  worker_lost: {
    status: 422,
    title: 'Worker lost',
    when: 'The process that worked on an item of a job, and on nothing else, died three times.',
    remedy:
      'Save the picture again with another program, and send that file. If other items fail alike, ask the operator of the server.',
  },
  too_many_attempts: {
    status: 429,
    title: 'Too many attempts',
    when: 'This address or this account has had too many log-ins that failed, or this address too many sign-ups; `Retry-After` says when to try again.',
    remedy: 'Wait for the seconds in `Retry-After`. Tokens and API keys in use are not affected.',
  },
  too_many_streams: {
    status: 429,
    title: 'Too many event streams',
    when: 'The user follows as many streams of events as are allowed at the same time (`EVENT_STREAMS`).',
    remedy: 'Close streams that nobody reads. `GET /job-events` follows all jobs in one stream.',
  },
  headers_too_large: {
    status: 431,
    title: 'Request headers too large',
    when: 'The request headers are longer than 16 KiB.',
    remedy:
      'Send fewer or shorter headers and a shorter URL. Parameters that are too long for a query fit into the body of a `POST`.',
  },
  internal_error: {
    status: 500,
    title: 'Internal error',
    when: 'The server failed; its log has the reason under this `request_id`.',
    remedy: 'Try again. If it happens again, report it to the operator of the server with the `request_id`.',
  },
  overloaded: {
    status: 503,
    title: 'Overloaded',
    when: 'All places are taken and the queue is full (`IMAGE_QUEUE`, `CSV_QUEUE`, `FRAME_PICTURE_QUEUE`), or too many uploads are running (`UPLOAD_CONCURRENCY`); `Retry-After` says when to try again.',
    remedy: 'Try again after the seconds in `Retry-After`, with fewer requests at the same time.',
  },
  operation_interrupted: {
    status: 503,
    title: 'Operation interrupted',
    when: 'The process that worked on the request was killed from outside, for example because the memory of the machine ran out; `Retry-After` says when to try again.',
    remedy: 'Try again after the seconds in `Retry-After`.',
  },
  database_unavailable: {
    status: 503,
    title: 'Database unavailable',
    when: 'The database cannot be reached; `Retry-After` says when to try again.',
    remedy: 'Try again after the seconds in `Retry-After`.',
  },
  storage_unavailable: {
    status: 503,
    title: 'Storage unavailable',
    when: 'A disk is full or failing; `Retry-After` says when to try again.',
    remedy: 'Try again after the seconds in `Retry-After`. The operator must make room on the disk.',
  },
  shutting_down: {
    status: 503,
    title: 'Shutting down',
    when: 'The server is stopping and takes no new requests.',
    remedy: 'Try again when the server has started again.',
  },
} as const satisfies Record<ErrorCode, { status: number; title: string; when: string; remedy: string }>;

const WRONG_WIDTH: LocatedFault = {
  location: 'body',
  ...parameterFault('/operations/0/width', 'an integer from 1 to 65535', 0),
};

/** The requests of the examples. */
const IMAGE = '/images/5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11';
const requestTo = (url: string) => ({ id: '01c3a8f0-6b52-4c35-9d6f-0f7a3d0c7a55', url });
const EXAMPLE: object = toProblem(parameterErrors([WRONG_WIDTH]), requestTo(`${IMAGE}/transform`));

export const FaultSchema = Type.Object(
  {
    location: StringEnum(['body', 'query', 'path', 'header'], { description: 'The part of the request.' }),
    path: Type.String({
      description: 'JSON Pointer (RFC 6901) to the value in that part; empty for the whole part.',
    }),
    message: Type.String({ description: 'What was expected, and what was received.' }),
    code: Type.Optional(Type.String({ description: 'In a CSV file: the kind of fault.' })),
    row: Type.Optional(
      Type.Integer({ description: 'In a CSV file: the row number, counted from 1 after the header.' }),
    ),
    line: Type.Optional(Type.Integer({ description: 'In a CSV file: the line number, counted from 1.' })),
    column: Type.Optional(
      Nullable('string', { description: 'In a CSV file: the column; null for the whole row.' }),
    ),
    value: Type.Optional(
      Nullable('string', { description: 'In a CSV file: the text of the cell, clipped.' }),
    ),
  },
  { $id: 'Fault', description: 'One fault of a request.', examples: [WRONG_WIDTH] },
);

export const ProblemSchema = Type.Object(
  {
    type: Type.String({
      format: 'uri-reference',
      description: 'The kind of problem, as a URI: the path of a page that explains it.',
    }),
    title: Type.String({ description: 'The kind of problem, for people.' }),
    status: Type.Integer({ description: 'The HTTP status.' }),
    detail: Type.String({ description: 'What went wrong in this request.' }),
    instance: Type.String({ description: 'The path of the request.' }),
    code: StringEnum(ERROR_CODES, { description: 'The kind of problem, for programs. Stable.' }),
    request_id: Type.String({ description: 'The id of the request in the log.' }),
    errors: Type.Optional(
      Type.Array(Type.Ref('Fault'), {
        description: 'Every fault found that has a location in the request; the first 100 if there are more.',
      }),
    ),
  },
  { $id: 'Problem', description: 'Why a request failed (RFC 9457).', examples: [EXAMPLE] },
);

export type Problem = Omit<Static<typeof ProblemSchema>, 'errors'> & { errors?: LocatedFault[] };

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** The problem document of a failure. It shows nothing of `cause`. */
export function toProblem(error: AppError, request: ParameterSource & { id: string; url: string }): Problem {
  const { status, title } = PROBLEMS[error.code];
  return {
    type: `/problems/${error.code}`,
    title,
    status,
    detail: error.detail,
    instance: request.url.split('?', 1)[0] ?? '/',
    code: error.code,
    request_id: request.id,
    ...(error.errors.length > 0 ? { errors: error.errors.map((fault) => locateFault(fault, request)) } : {}),
  };
}

/** The failures of a route that reads a JSON body. */
export const JSON_BODY_CODES: readonly ErrorCode[] = [
  'malformed_json',
  'incomplete_body',
  'request_timeout',
  'unsupported_media_type',
  'request_too_large',
];

/** The failures of a route that sends content and answers conditional and range requests. */
export const CONTENT_CODES: readonly ErrorCode[] = ['precondition_failed', 'range_not_satisfiable'];

/** The failures of a route that receives a multipart form. */
export const FORM_CODES: readonly ErrorCode[] = [
  'malformed_multipart',
  'incomplete_body',
  'request_timeout',
  'file_too_large',
  'request_too_large',
  'too_many_files',
  'unsupported_media_type',
  'validation_failed',
];

/** The failures of a route that looks up one resource. */
export const LOOKUP_CODES: readonly ErrorCode[] = ['not_found', 'validation_failed', 'database_unavailable'];

/** The failures of a route that uses image processes, the database and local disks. */
export const PROCESSING_CODES: readonly ErrorCode[] = [
  'operation_timeout',
  'memory_limit_exceeded',
  'decoder_crashed',
  'conflict',
  'overloaded',
  'operation_interrupted',
  'database_unavailable',
  'storage_unavailable',
];

/** The failures of a route that computes something from a picture and stores the result. */
export const COMPUTATION_CODES: readonly ErrorCode[] = [
  'not_acceptable',
  'not_found',
  'validation_failed',
  'undecodable_image',
  'too_many_pixels',
  'output_too_large',
  ...PROCESSING_CODES,
];

/** The failures of every route. */
const COMMON_CODES: readonly ErrorCode[] = [
  'malformed_request',
  'host_not_allowed',
  'cross_site_request',
  'request_timeout',
  'expectation_failed',
  'headers_too_large',
  'internal_error',
  'shutting_down',
];

/** Example documents by code: each response of the OpenAPI document refers to the examples of its codes. */
export const PROBLEM_EXAMPLES: Record<string, { summary: string; value: Problem }> = Object.fromEntries(
  ERROR_CODES.map((code) => {
    const [error, url] =
      code === 'validation_failed'
        ? [parameterErrors([parameterFault('/width', 'an integer from 1 to 65535', 0)]), `${IMAGE}/resize`]
        : [new AppError(code, PROBLEMS[code].when), '/images'];
    const request = { ...requestTo(url), method: 'GET' };
    return [code, { summary: PROBLEMS[code].title, value: toProblem(error, request) }];
  }),
);

const RETRY_AFTER = {
  'retry-after': { type: 'integer', required: true, description: 'Seconds after which to try again.' },
};

/** Headers of the answers by status, for the document. */
const HEADERS: Partial<Record<number, object>> = {
  401: {
    'www-authenticate': {
      type: 'string',
      required: true,
      description: 'How to authenticate (RFC 6750): `Bearer realm="Coreframe"`.',
    },
  },
  403: {
    'www-authenticate': {
      type: 'string',
      description: 'The scope that the credential lacks, if it lacks one (RFC 6750).',
    },
  },
  416: {
    'content-range': {
      type: 'string',
      required: true,
      description: 'The size of the content: `bytes */829183`.',
    },
  },
  429: RETRY_AFTER,
  503: RETRY_AFTER,
};

/** The `response` entries of a route's schema for its failures and those of every route: one per status, naming its codes. */
export function problemResponses(...codes: ErrorCode[]): Record<number, object> {
  return problemResponsesOf('Problem', codes);
}

/** Like `problemResponses`, for a route whose problems have additional members. */
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
        ...(HEADERS[status] ? { headers: HEADERS[status] } : {}),
        content: {
          [PROBLEM_MEDIA_TYPE]: {
            schema: Type.Ref(schema),
            examples: Object.fromEntries(
              names.map((name) => [name, { $ref: `#/components/examples/${name}` }]),
            ),
          },
        },
      },
    ]),
  );
}
