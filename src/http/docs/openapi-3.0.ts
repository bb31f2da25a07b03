import {
  type DocumentSchema,
  type OpenApiDocument,
  operationsOf,
  referredName,
  schemasOf,
} from './openapi-schemas.ts';

/** The fields of a schema that OpenAPI 3.0 writes otherwise. */
interface OldSchema extends Omit<DocumentSchema, 'exclusiveMinimum' | 'exclusiveMaximum'> {
  nullable?: boolean;
  allOf?: DocumentSchema[];
  exclusiveMinimum?: number | boolean;
  exclusiveMaximum?: number | boolean;
}

/**
 * The same document as OpenAPI 3.0.3, for tools that do not read 3.1. It covers what the schemas of this project use
 * (https://www.openapis.org/blog/2021/02/16/migrating-from-openapi-3-0-to-3-1-0, the other way round).
 */
export function toOpenApi30(document: OpenApiDocument): OpenApiDocument {
  const old = structuredClone(document);
  old.openapi = '3.0.3';
  const { license } = old.info ?? {};
  if (license?.identifier !== undefined) {
    license.url = `https://spdx.org/licenses/${license.identifier}.html`;
    delete license.identifier;
  }
  for (const { responses = {} } of operationsOf(old)) {
    // A reference has nothing beside it.
    for (const response of Object.values(responses))
      if (response.$ref !== undefined) delete response.description;
  }
  for (const schema of [...schemasOf(old)]) inlineNullable(schema, old);
  // Inner schemas come after those that contain them, so a changed schema is not visited again.
  for (const schema of [...schemasOf(old)]) rewrite(schema as OldSchema);
  removeUnused(old);
  return old;
}

/** Removes named schemas that only nullable references used. */
function removeUnused({ paths, components }: OpenApiDocument): void {
  const text = JSON.stringify([paths, components]);
  for (const name of Object.keys(components?.schemas ?? {})) {
    if (!text.includes(`"#/components/schemas/${name}"`)) delete components?.schemas?.[name];
  }
}

/** Replaces a union of a named schema and null by a nullable copy: OpenAPI 3.0 has no null beside a reference. */
function inlineNullable(schema: OldSchema, { components }: OpenApiDocument): void {
  const { anyOf = [], ...rest } = schema;
  const [named, ...others] = anyOf.filter(({ type }) => type !== 'null');
  if (named === undefined || others.length + 1 === anyOf.length) return;
  const target = components?.schemas?.[referredName(named) ?? ''];
  if (target === undefined || others.length > 0) throw new Error('OpenAPI 3.0 has no such union with null.');
  const { title: _, ...copy } = structuredClone(target);
  delete schema.anyOf;
  Object.assign(schema, copy, rest, { nullable: true });
}

function rewrite(schema: OldSchema): void {
  if (schema.const !== undefined) {
    schema.enum = [schema.const];
    delete schema.const;
  }
  if (schema.examples !== undefined) {
    if (schema.examples.length > 0) schema.example = schema.examples[0];
    delete schema.examples;
  }
  if (Array.isArray(schema.type)) {
    const [type, ...others] = schema.type.filter((name) => name !== 'null');
    if (type === undefined || others.length > 0)
      throw new Error(`OpenAPI 3.0 has no type for ${schema.type}.`);
    schema.type = type;
    schema.nullable = true;
  }
  if (schema.$ref !== undefined && Object.keys(schema).length > 1) {
    schema.allOf = [{ $ref: schema.$ref }];
    delete schema.$ref;
  }
  for (const [bound, exclusive] of [
    ['minimum', 'exclusiveMinimum'],
    ['maximum', 'exclusiveMaximum'],
  ] as const) {
    const value = schema[exclusive];
    if (typeof value !== 'number') continue;
    schema[bound] = value;
    schema[exclusive] = true;
  }
  // `format` says that it is base64.
  delete schema.contentMediaType;
}
