import { SerializerSelector } from '@fastify/fast-json-stringify-compiler';

const buildCompiler = SerializerSelector();

/**
 * Fastify's compiler of response serializers, which compiles equal schemas once. Most responses of most routes are
 * the same problem, and each compilation looks through all shared schemas again: without this, half a second of the
 * start was spent on some 250 equal ones.
 */
export const buildSerializer: typeof buildCompiler = (externalSchemas, options) => {
  const compile = buildCompiler(externalSchemas, options);
  const compiled = new Map<string, ReturnType<typeof compile>>();
  return (route) => {
    const key = JSON.stringify(route.schema);
    const known = compiled.get(key);
    if (known) return known;
    const serialize = compile(route);
    compiled.set(key, serialize);
    return serialize;
  };
};

/**
 * For routes whose answers are typed where they are made: their schemas are for the document alone. Serializing one of several
 * kinds of object by schema would validate it against each.
 */
export const plainJson = () => JSON.stringify;
