import {
  KindGuard,
  type ObjectOptions,
  type Static,
  type TObject,
  type TProperties,
  Type,
} from '@sinclair/typebox';

/**
 * A closed object whose properties with a default may be left out. Its static type is that of the value once the
 * defaults are filled in, as Ajv's `useDefaults` and `withDefaults` do.
 */
export function ObjectWithDefaults<Properties extends TProperties>(
  properties: Properties,
  options: ObjectOptions,
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
