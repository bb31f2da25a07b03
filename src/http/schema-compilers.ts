import type { BuildCompilerFromPool, RouteDefinition } from '@fastify/ajv-compiler';
import { SerializerSelector } from '@fastify/fast-json-stringify-compiler';
import type { FastifyServerOptions } from 'fastify';
import { once, type SharedSchemas, validatorCompiler } from '../core/validator.ts';

const buildSerializer = SerializerSelector();

/** Finds the names of schemas that a schema refers to. */
function namesIn(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { $ref } = schema as { $ref?: unknown };
  const [name = ''] = typeof $ref === 'string' ? $ref.split('#', 1) : [];
  return [...(name === '' ? [] : [name]), ...Object.values(schema).flatMap(namesIn)];
}

/**
 * The shared schemas that a schema needs. The compiler of serializers checks all that it is given again for each response, which
 * would take most of the time of a route's first answer.
 */
function neededSchemas(schema: unknown, shared: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const needed: Record<string, unknown> = {};
  const add = (name: string): void => {
    if (name in needed || !(name in shared)) return;
    needed[name] = shared[name];
    namesIn(shared[name]).forEach(add);
  };
  namesIn(schema).forEach(add);
  return needed;
}

/**
 * Compiles equal schemas once. Most routes share their path ids, most responses are the same problem, and HEAD repeats GET:
 * compiling them again would slow down the start.
 */
function compileOnce<Argument, Compiled>(
  compile: (argument: Argument) => Compiled,
  schemaOf: (argument: Argument) => unknown,
): (argument: Argument) => Compiled {
  const compiled = new Map<string, Compiled>();
  return (argument) => {
    const key = JSON.stringify(schemaOf(argument));
    const known = compiled.get(key) ?? compile(argument);
    compiled.set(key, known);
    return known;
  };
}

/** Fastify's schema controller with Coreframe's validation: bodies as JSON, all other parts of a request as text. */
export const schemaController: NonNullable<FastifyServerOptions['schemaController']> = {
  compilersFactory: {
    buildValidator: (sharedSchemas: SharedSchemas) => {
      const forBodies = compileOnce(validatorCompiler('json', sharedSchemas), (schema) => schema);
      const forText = compileOnce(validatorCompiler('text', sharedSchemas), (schema) => schema);
      const compile = ({ httpPart, schema }: RouteDefinition) =>
        (httpPart === 'body' ? forBodies : forText)(schema);
      // Fastify passes a part of a route, although the compiler's type asks for a bare schema.
      return compile as unknown as ReturnType<BuildCompilerFromPool>;
    },
    buildSerializer: (externalSchemas, options) => {
      const shared = (externalSchemas ?? {}) as Record<string, unknown>;
      return compileOnce(
        (route) => {
          // Like validators, they are compiled at their first use.
          const serializer = once(() => buildSerializer(neededSchemas(route.schema, shared), options)(route));
          return (data: unknown) => serializer()(data);
        },
        ({ schema }) => schema,
      );
    },
  },
};
