import {
  KindGuard,
  type ObjectOptions,
  type SchemaOptions,
  type Static,
  type TObject,
  type TProperties,
  type TSchema,
  type TUnsafe,
  Type,
} from '@sinclair/typebox';

/**
 * One of the given strings, as JSON Schema's `enum`: a wrong value is one fault that lists the choices, while a union of
 * literals gives one fault for each choice.
 */
export function StringEnum<const T extends readonly string[]>(
  values: T,
  options: SchemaOptions = {},
): TUnsafe<T[number]> {
  return Type.Unsafe<T[number]>({ type: 'string', enum: values, ...options });
}

/** A value or null, as OpenAPI 3.1 writes it. */
export function Nullable<const T extends 'string' | 'number' | 'integer'>(
  type: T,
  options: SchemaOptions = {},
) {
  return Type.Unsafe<(T extends 'string' ? string : number) | null>({ type: [type, 'null'], ...options });
}

/** One of the given strings or null. */
export function NullableEnum<const T extends readonly string[]>(
  values: T,
  options: SchemaOptions = {},
): TUnsafe<T[number] | null> {
  return Type.Unsafe<T[number] | null>({ type: ['string', 'null'], enum: [...values, null], ...options });
}

/** One of the given integers. */
export function IntegerEnum<const T extends readonly number[]>(
  values: T,
  options: SchemaOptions = {},
): TUnsafe<T[number]> {
  return Type.Unsafe<T[number]>({ type: 'integer', enum: values, ...options });
}

/** A named object or null, as OpenAPI 3.1 writes it. Readers see the titles of the branches. */
export function NullableRef<T extends TSchema>(schema: T, options: SchemaOptions = {}) {
  return Type.Unsafe<Static<T> | null>({
    anyOf: [{ $ref: `${schema.$id}#` }, { type: 'null', title: 'Null' }],
    ...options,
  });
}

/** The bytes of a file in a multipart form. */
export function FileUpload(options: SchemaOptions = {}) {
  return Type.Unsafe<unknown>({ type: 'string', format: 'binary', ...options });
}

/** An RFC 3339 date and time with its zone. */
export function Timestamp(options: SchemaOptions = {}) {
  return Type.String({ format: 'date-time', examples: ['2026-11-20T09:30:00.000Z'], ...options });
}

/** A date and time, or null. */
export function NullableTimestamp(options: SchemaOptions = {}) {
  return Nullable('string', { format: 'date-time', ...options });
}

/** A resource's identifier. */
export function Uuid(options: SchemaOptions = {}) {
  return Type.String({ format: 'uuid', examples: ['5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11'], ...options });
}

/** A reference to a registered schema by its name (`$id`), with its static type. */
export function SchemaRef<T extends TSchema>(schema: T): TUnsafe<Static<T>> {
  return Type.Unsafe<Static<T>>({ $ref: `${schema.$id}#` });
}

/**
 * One of several named objects, distinguished by the value of one property. Ajv's discriminator reports only the faults of the
 * branch that the property selects.
 */
export function TaggedUnion<Branch extends TObject>(
  propertyName: string,
  tags: readonly string[],
  branches: readonly Branch[],
  options: SchemaOptions,
): TUnsafe<Static<Branch>> {
  return Type.Unsafe<Static<Branch>>({
    type: 'object',
    required: [propertyName],
    properties: { [propertyName]: { type: 'string', enum: tags } },
    discriminator: { propertyName },
    oneOf: branches.map(({ $id }) => ({ $ref: `${$id}#` })),
    ...options,
  });
}

/** The `content` of a body of bytes with one of these media types. */
export function bytesContent(...mediaTypes: readonly string[]): Record<string, { schema: TSchema }> {
  const schema = Type.Unsafe<unknown>({ type: 'string', format: 'binary' });
  return Object.fromEntries(mediaTypes.map((type) => [type, { schema }]));
}

/**
 * A closed object whose properties with a default may be left out. Its static type is that of the value after the defaults
 * are filled in (by Ajv's `useDefaults` or by `withDefaults`).
 */
export function ObjectWithDefaults<Properties extends TProperties>(
  properties: Properties,
  options: ObjectOptions = {},
): TObject<Properties> {
  const schema = Type.Object(properties, { additionalProperties: false, ...options });
  const required = Object.entries(properties)
    .filter(([, property]) => !KindGuard.IsOptional(property) && property.default === undefined)
    .map(([name]) => name);
  Reflect.deleteProperty(schema, 'required');
  return required.length === 0 ? schema : Object.assign(schema, { required });
}

/** The value with the defaults of its schema filled in, one level deep, and without undefined properties. */
export function withDefaults<Properties extends TProperties>(
  schema: TObject<Properties>,
  value: Partial<Static<TObject<Properties>>>,
): Static<TObject<Properties>> {
  const defaults = Object.entries(schema.properties).flatMap(([name, { default: fallback }]) =>
    fallback === undefined ? [] : [[name, fallback]],
  );
  const given = Object.entries(value).filter(([, item]) => item !== undefined);
  return { ...Object.fromEntries(defaults), ...Object.fromEntries(given) };
}
