/** The fields of an OpenAPI 3.1 document that are used here. */
export interface OpenApiDocument {
  openapi?: string;
  info?: { license?: { identifier?: string; url?: string } };
  paths?: Record<string, Record<string, Operation>>;
  components?: {
    schemas?: Record<string, DocumentSchema>;
    responses?: Record<string, Response>;
    links?: Record<string, object>;
    examples?: Record<string, unknown>;
  };
}

export interface Operation {
  operationId?: string;
  parameters?: Parameter[];
  requestBody?: { required?: boolean; content?: Record<string, Media> };
  responses?: Record<string, Response>;
  'x-optional-body'?: boolean;
  'x-body-examples'?: unknown;
  'x-query-example'?: Record<string, unknown>;
}

export interface Parameter {
  name: string;
  in: string;
  description?: string;
  schema?: DocumentSchema;
  example?: unknown;
  examples?: Record<string, { value: unknown }>;
}

export interface Response {
  $ref?: string;
  description?: string;
  headers?: Record<string, Header>;
  links?: Record<string, { $ref: string }>;
  content?: Record<string, Media>;
}

export interface Header {
  required?: boolean;
  schema?: DocumentSchema;
}

export interface Media {
  schema?: DocumentSchema;
  example?: unknown;
  examples?: unknown;
}

/** The fields of a JSON Schema that are used here. */
export interface DocumentSchema {
  $ref?: string;
  title?: string;
  type?: string | string[];
  format?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  contentMediaType?: string;
  example?: unknown;
  examples?: unknown[];
  const?: unknown;
  enum?: unknown[];
  oneOf?: DocumentSchema[];
  anyOf?: DocumentSchema[];
  items?: DocumentSchema;
  additionalProperties?: DocumentSchema | boolean;
  required?: string[];
  properties?: Record<string, DocumentSchema>;
  discriminator?: { propertyName: string; mapping?: Record<string, string> };
}

/** The name of the component that a reference is for; undefined without a reference. */
export function referredName({ $ref }: { $ref?: string }): string | undefined {
  return $ref?.split('/').at(-1);
}

/** All operations of a document. */
export function operationsOf(document: OpenApiDocument): Operation[] {
  return Object.values(document.paths ?? {}).flatMap((methods) => Object.values(methods));
}

/** All schemas of a document, with those inside of others. References are not followed. */
export function* schemasOf(document: OpenApiDocument): Generator<DocumentSchema> {
  const { schemas = {}, responses = {} } = document.components ?? {};
  for (const schema of Object.values(schemas)) yield* withInner(schema);
  for (const response of Object.values(responses)) yield* inResponse(response);
  for (const { parameters = [], requestBody, responses = {} } of operationsOf(document)) {
    for (const { schema } of parameters) yield* withInner(schema);
    yield* inContent(requestBody?.content);
    for (const response of Object.values(responses)) yield* inResponse(response);
  }
}

function* inResponse({ headers = {}, content }: Response): Generator<DocumentSchema> {
  for (const { schema } of Object.values(headers)) yield* withInner(schema);
  yield* inContent(content);
}

function* inContent(content: Record<string, Media> = {}): Generator<DocumentSchema> {
  for (const { schema } of Object.values(content)) yield* withInner(schema);
}

function* withInner(schema: DocumentSchema | undefined): Generator<DocumentSchema> {
  if (schema === undefined) return;
  yield schema;
  const { properties = {}, items, additionalProperties, oneOf = [], anyOf = [] } = schema;
  for (const inner of [...Object.values(properties), ...oneOf, ...anyOf]) yield* withInner(inner);
  yield* withInner(items);
  if (typeof additionalProperties === 'object') yield* withInner(additionalProperties);
}
