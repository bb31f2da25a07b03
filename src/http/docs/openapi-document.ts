import { PROBLEM_EXAMPLES } from '../problems/problems.ts';
import { formatNumbers, titleBranches } from './generator-terms.ts';
import { linkOperations } from './links.ts';
import {
  type DocumentSchema,
  type OpenApiDocument,
  type Operation,
  operationsOf,
  referredName,
} from './openapi-schemas.ts';
import { requireHeaders } from './response-headers.ts';
import { shareProblems } from './shared-problems.ts';

/**
 * Translates what routes and schemas say in Fastify's and Ajv's terms into OpenAPI's. Changes the document in place.
 *
 * @param answers an answer of each operation, by its `operationId`
 */
export function finishDocument(
  document: OpenApiDocument,
  answers: Readonly<Record<string, unknown>>,
): OpenApiDocument {
  const schemas = document.components?.schemas ?? {};
  for (const schema of Object.values(schemas)) {
    // Fastify's title is the name itself.
    delete schema.title;
    mapDiscriminator(schema, schemas);
  }
  for (const operation of operationsOf(document)) {
    if (operation['x-optional-body'] && operation.requestBody) operation.requestBody.required = false;
    delete operation['x-optional-body'];
    placeBodyExamples(operation);
    placeQueryExample(operation);
    placeAnswer(operation, answers);
    operation.parameters?.sort((a, b) => Number(b.in === 'path') - Number(a.in === 'path'));
  }
  requireHeaders(document);
  linkOperations(document);
  shareProblems(document);
  titleBranches(document);
  formatNumbers(document);
  const text = JSON.stringify(document.components?.responses);
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

/** Shows an answer of the operation itself, of which its schema may have only parts. */
function placeAnswer(
  { operationId = '', responses = {} }: Operation,
  answers: Readonly<Record<string, unknown>>,
): void {
  const answer = answers[operationId];
  if (answer === undefined) return;
  for (const [status, { content = {} }] of Object.entries(responses)) {
    // An answer with 202 has no body.
    if (!status.startsWith('2') || status === '202') continue;
    for (const [type, media] of Object.entries(content)) if (type.endsWith('json')) media.example = answer;
  }
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
    const tag = schemas[referredName({ $ref: ref }) ?? '']?.properties?.[discriminator.propertyName];
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
