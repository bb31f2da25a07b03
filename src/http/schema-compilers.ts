import type { BuildCompilerFromPool, RouteDefinition } from '@fastify/ajv-compiler';
import { SerializerSelector } from '@fastify/fast-json-stringify-compiler';
import type { FastifyServerOptions } from 'fastify';
import { once, type SharedSchemas, validatorCompiler } from '../core/validator.ts';

const buildSerializer = SerializerSelector();

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
      const compile = once(() => buildSerializer(externalSchemas, options));
      return compileOnce(
        (route) => {
          // Like validators, they are compiled at their first use.
          const serializer = once(() => compile()(route));
          return (data: unknown) => serializer()(data);
        },
        ({ schema }) => schema,
      );
    },
  },
};
