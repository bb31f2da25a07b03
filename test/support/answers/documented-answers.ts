import type { ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { isColor, isOpaqueColor } from '../../../src/core/color.ts';

/** The fields of an OpenAPI 3.1 document that are used here. */
export interface AnswersDocument {
  paths: Record<string, Record<string, DocumentedOperation>>;
  components?: object;
}

interface DocumentedOperation {
  responses: Record<string, Response | Reference>;
}

interface Response {
  description?: string;
  headers?: Record<string, Header>;
  content?: Record<string, { schema?: Schema }>;
}

interface Header {
  required?: boolean;
  schema?: Schema;
}

interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
}

interface Reference {
  $ref: string;
  /** Says which codes of problems the operation has. */
  description?: string;
}

/** An answer as it was sent. */
export interface SentAnswer {
  method: string;
  /** The URL of the request, for messages. */
  url: string;
  /** The pattern of the route that answered: `/images/:id`. Undefined if there is none for the path and the method. */
  route: string | undefined;
  status: number;
  headers: Readonly<Record<string, unknown>>;
  /** Undefined if the connection ended before the whole body was sent. */
  body: Buffer | undefined;
}

/** Routes that the document does not describe: pages for people and what they load, and the document itself. */
const UNDOCUMENTED_ROUTES = [
  /^\/$/,
  /^\/(docs|reference)(\/|$)/,
  /^\/problems(\/:code)?$/,
  /^\/openapi(-3\.0)?\.json$/,
];

/** Headers that any answer may have: those of HTTP itself, and those that all answers share. */
const GENERAL_HEADERS = new Set([
  'accept-ranges',
  'allow',
  'cache-control',
  'connection',
  'content-disposition',
  'content-length',
  'content-security-policy',
  'content-type',
  'cross-origin-resource-policy',
  'date',
  'keep-alive',
  'referrer-policy',
  'transfer-encoding',
  'vary',
  'x-content-type-options',
  'x-frame-options',
  'x-request-id',
]);

const isGeneral = (header: string) => GENERAL_HEADERS.has(header) || header.startsWith('access-control-');

const PROBLEM_TYPE = 'application/problem+json';

/** Where a part of the document stands, as a URI fragment. */
const pointer = (...keys: string[]) =>
  `#/${keys.map((key) => encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`;

/** Whether bodies of a media type are checked against a schema. Other bodies are bytes. */
export function isChecked(mediaType: string): boolean {
  return /^application\/(.+\+)?json$|^application\/x-ndjson$/.test(mediaType);
}

/** The media type in a `Content-Type`, without parameters. */
export const mediaTypeOf = (contentType: unknown): string =>
  String(contentType ?? '')
    .split(';', 1)[0]
    ?.trim()
    .toLowerCase() ?? '';

/** Compares answers with an OpenAPI document. Schemas are compiled when they are first needed. */
export class DocumentedAnswers {
  readonly #document: AnswersDocument;
  readonly #ajv = new Ajv2020({ strict: false, validateSchema: false, allErrors: true, discriminator: true });
  readonly #validators = new Map<string, ValidateFunction>();

  constructor(document: AnswersDocument) {
    this.#document = document;
    addFormats.default(this.#ajv);
    this.#ajv.addFormat('color', isColor);
    this.#ajv.addFormat('opaque-color', isOpaqueColor);
    this.#ajv.addSchema(prepared(document) as object, 'document');
  }

  /** What the document does not say of an answer, in sentences that begin with the request. */
  differences(answer: SentAnswer): string[] {
    const { method, url, status } = answer;
    return this.#faults(answer).map((fault) => `${method} ${url.slice(0, 200)}, ${status}: ${fault}`);
  }

  #faults(answer: SentAnswer): string[] {
    const { method, route, status } = answer;
    if (route === undefined) return this.#unroutedFaults(answer);
    // Preflights of browsers.
    if (method === 'OPTIONS' || UNDOCUMENTED_ROUTES.some((pattern) => pattern.test(route))) return [];
    const path = route.replaceAll(/:(\w+)/g, '{$1}');
    const verb = method === 'HEAD' ? 'get' : method.toLowerCase();
    const operation = this.#document.paths[path]?.[verb];
    if (operation === undefined) return ['the operation is not documented'];
    const documented = operation.responses[status];
    if (documented === undefined) return ['the status is not documented'];
    const place = ['paths', path, verb, 'responses', String(status)];
    const response = this.#resolve(documented, place);
    return [...this.#headerFaults(answer, response), ...this.#bodyFaults(answer, response)];
  }

  /** The faults of an answer to a path or a method that does not exist: it must be a problem. */
  #unroutedFaults(answer: SentAnswer): string[] {
    if (mediaTypeOf(answer.headers['content-type']) !== PROBLEM_TYPE) return ['it is not a problem'];
    return this.#contentFaults(answer, PROBLEM_TYPE, pointer('components', 'schemas', 'Problem'));
  }

  #headerFaults({ headers }: SentAnswer, { headers: documented = {} }: ResolvedResponse): string[] {
    const lowerCase = new Map(
      Object.entries(documented).map(([name, header]) => [name.toLowerCase(), header]),
    );
    const faults: string[] = [];
    for (const [name, { required, schema }] of lowerCase) {
      const value = headers[name];
      if (value === undefined) {
        if (required) faults.push(`the header ${name} is missing`);
      } else if (schema !== undefined && !isOfType(String(value), schema)) {
        faults.push(`the header ${name} is ${String(value)}, not of type ${schema.type}`);
      }
    }
    for (const name of Object.keys(headers)) {
      if (!isGeneral(name) && !lowerCase.has(name)) faults.push(`the header ${name} is not documented`);
    }
    return faults;
  }

  #bodyFaults(answer: SentAnswer, { content, description, place }: ResolvedResponse): string[] {
    const type = mediaTypeOf(answer.headers['content-type']);
    // Its content is only for generators.
    if (answer.status === 202) return answer.body?.length ? ['it has a body'] : [];
    if (content === undefined) return answer.body?.length ? ['it has a body, and none is documented'] : [];
    const [, wildcard = ''] = /^(\w+\/)/.exec(type) ?? [];
    const range = [type, `${wildcard}*`, '*/*'].find((name) => name in content);
    if (range === undefined) {
      return [`the media type ${type || '(none)'} is not one of ${Object.keys(content).join(', ')}`];
    }
    const { schema } = content[range] as { schema?: Schema };
    if (schema === undefined || schema.format === 'binary') return [];
    const faults = this.#contentFaults(
      answer,
      type,
      `${place}${pointer('content', range, 'schema').slice(1)}`,
    );
    return type === PROBLEM_TYPE && faults.length === 0 ? codeFaults(answer, description) : faults;
  }

  #contentFaults({ method, status, body }: SentAnswer, type: string, place: string): string[] {
    // A range of a JSON document is not one itself.
    if (body === undefined || method === 'HEAD' || status === 206 || !isChecked(type)) return [];
    const texts = type === 'application/x-ndjson' ? body.toString().trim().split('\n') : [body.toString()];
    return texts.flatMap((text) => this.#valueFaults(text, place));
  }

  #valueFaults(text: string, place: string): string[] {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return [`the body is not JSON: ${text.slice(0, 100)}`];
    }
    const validate = this.#validators.get(place) ?? this.#ajv.compile({ $ref: `document${place}` });
    this.#validators.set(place, validate);
    if (validate(value)) return [];
    const errors = (validate.errors ?? []).slice(0, 10);
    return errors.map(
      ({ instancePath, message, params, schemaPath }) =>
        `the body at ${instancePath || 'its top'} ${message} (${schemaPath}, ${JSON.stringify(params)})`,
    );
  }

  /** The response that a reference stands for, and its place. */
  #resolve(response: Response | Reference, keys: string[]): ResolvedResponse {
    if (!('$ref' in response)) return { ...response, place: pointer(...keys) };
    const [, , , name = ''] = response.$ref.split('/');
    const { responses = {} } = (this.#document.components ?? {}) as { responses?: Record<string, Response> };
    const { $ref: _name, ...ownWords } = response;
    return { ...responses[name], ...ownWords, place: pointer('components', 'responses', name) };
  }
}

/**
 * The document for Ajv. Objects are closed: clients must ignore what they do not know, but an answer that has more properties than
 * its schema is not described completely. Discriminators have no mapping, which Ajv does not accept; it reads the tags of the branches.
 */
function prepared(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(prepared);
  if (typeof value !== 'object' || value === null) return value;
  const { discriminator, ...rest } = value as { discriminator?: { propertyName?: string } };
  const parts = Object.fromEntries(Object.entries(rest).map(([name, part]) => [name, prepared(part)]));
  const isOpen = Object.keys(parts.properties ?? {}).length > 0 && !('additionalProperties' in rest);
  // Ajv takes much longer for the second one.
  const hasParts = ['allOf', 'anyOf', 'oneOf', '$ref'].some((name) => name in rest);
  if (isOpen) parts[hasParts ? 'unevaluatedProperties' : 'additionalProperties'] = false;
  if (discriminator?.propertyName === undefined) return parts;
  const { propertyName } = discriminator;
  return { type: 'object', required: [propertyName], ...parts, discriminator: { propertyName } };
}

type ResolvedResponse = Response & { place: string };

/** The description of an operation's problem names the codes that it can have. */
function codeFaults({ method, body }: SentAnswer, description = ''): string[] {
  if (body === undefined || method === 'HEAD') return [];
  const { code } = JSON.parse(body.toString()) as { code?: unknown };
  return description.includes(`\`${code}\``) ? [] : [`the code ${code} is not named`];
}

function isOfType(value: string, { type }: Schema): boolean {
  if (type === 'integer') return /^-?\d+$/.test(value);
  return type !== 'number' || (value !== '' && Number.isFinite(Number(value)));
}
