import { PROBLEM_EXAMPLES } from '../problems/problems.ts';

/** The fields of a JSON Schema that are used here. */
interface DocumentSchema {
  $ref?: string;
  title?: string;
  example?: unknown;
  examples?: unknown[];
  const?: unknown;
  enum?: unknown[];
  oneOf?: DocumentSchema[];
  required?: string[];
  properties?: Record<string, DocumentSchema>;
  discriminator?: { propertyName: string; mapping?: Record<string, string> };
}

interface Parameter {
  name: string;
  in: string;
  description?: string;
  schema?: DocumentSchema;
  example?: unknown;
  examples?: Record<string, { value: unknown }>;
}

interface Operation {
  parameters?: Parameter[];
  requestBody?: { required?: boolean; content?: Record<string, { examples?: unknown }> };
  'x-optional-body'?: boolean;
  'x-body-examples'?: unknown;
  'x-query-example'?: Record<string, unknown>;
}

/** The fields of an OpenAPI 3.1 document that are used here. */
export interface OpenApiDocument {
  paths?: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, DocumentSchema>; examples?: Record<string, unknown> };
}

/** Translates what routes and schemas say in Fastify's and Ajv's terms into OpenAPI's. Changes the document in place. */
export function finishDocument(document: OpenApiDocument): OpenApiDocument {
  const schemas = document.components?.schemas ?? {};
  for (const schema of Object.values(schemas)) {
    // Readers and generators would show it instead of the component's name.
    delete schema.title;
    mapDiscriminator(schema, schemas);
  }
  for (const operations of Object.values(document.paths ?? {})) {
    for (const operation of Object.values(operations)) {
      if (operation['x-optional-body'] && operation.requestBody) operation.requestBody.required = false;
      delete operation['x-optional-body'];
      placeBodyExamples(operation);
      placeQueryExample(operation);
      operation.parameters?.sort((a, b) => Number(b.in === 'path') - Number(a.in === 'path'));
    }
  }
  const text = JSON.stringify(document.paths);
  const used = Object.entries(PROBLEM_EXAMPLES).filter(([code]) =>
    text.includes(`#/components/examples/${code}"`),
  );
  document.components = { ...document.components, examples: Object.fromEntries(used) };
  return document;
}

function placeBodyExamples(operation: Operation): void {
  const examples = operation['x-body-examples'];
  delete operation['x-body-examples'];
  if (examples === undefined) return;
  for (const content of Object.values(operation.requestBody?.content ?? {})) content.examples = examples;
}

/**
 * Swagger UI fills in the examples of parameters, but all examples together seldom make a working request. So examples move to
 * the schemas, which are only shown, except those that the route declares together.
 */
function placeQueryExample(operation: Operation): void {
  const filledIn = operation['x-query-example'] ?? {};
  delete operation['x-query-example'];
  for (const parameter of operation.parameters ?? []) {
    const { schema = {}, example, examples } = parameter;
    const shown = examples ? Object.values(examples).map(({ value }) => value) : [example];
    delete parameter.example;
    delete parameter.examples;
    if (shown[0] !== undefined) parameter.schema = { ...schema, examples: shown };
    if (parameter.in === 'query' && parameter.name in filledIn) parameter.example = filledIn[parameter.name];
  }
}

/**
 * Ajv does not accept a mapping, but without one OpenAPI takes the names of the schemas as tags. The tag's own schema is
 * removed: each branch has it, too.
 */
function mapDiscriminator(schema: DocumentSchema, schemas: Record<string, DocumentSchema>): void {
  const { discriminator, oneOf } = schema;
  if (!discriminator || !oneOf) return;
  const tagOf = (ref: string): unknown => {
    const tag = schemas[ref.split('/').at(-1) ?? '']?.properties?.[discriminator.propertyName];
    const value = tag?.const ?? tag?.enum?.[0];
    if (value === undefined) throw new Error(`${ref} does not say its ${discriminator.propertyName}.`);
    return value;
  };
  delete schema.properties;
  delete schema.required;
  schema.discriminator = {
    ...discriminator,
    mapping: Object.fromEntries(oneOf.map(({ $ref = '' }) => [String(tagOf($ref)), $ref])),
  };
}
