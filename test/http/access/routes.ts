import { channel } from 'node:diagnostics_channel';
import type { FastifyInstance } from 'fastify';
import type { RouteAccess } from '../../../src/http/access/route-access.ts';

/** A route of the application, whether or not its document describes it. */
export interface RegisteredRoute {
  method: string;
  /** As Fastify has it: `/images/:id`. */
  url: string;
  /** Undefined if the route does not declare it. */
  access: RouteAccess | undefined;
}

/** Collects the routes of the application that `create` makes, with those for HEAD and those of plugins. */
export async function collectRoutes<T>(create: () => Promise<T>): Promise<[created: T, RegisteredRoute[]]> {
  const found: { method: string; url: string; route: { config?: { access?: RouteAccess } } }[] = [];
  const initialization = channel('fastify.initialization');
  const watch = (message: unknown) => {
    (message as { fastify: FastifyInstance }).fastify.addHook('onRoute', (route) => {
      // Fastify passes the same object again with another URL.
      const { method, url } = route;
      for (const name of [method].flat()) found.push({ method: name, url, route });
    });
  };
  initialization.subscribe(watch);
  const created = await create();
  initialization.unsubscribe(watch);
  // Read at the end, because a later hook may set it.
  const routes = found.map(({ method, url, route }) => ({ method, url, access: route.config?.access }));
  return [created, routes];
}

interface Example {
  value: unknown;
}

/** The fields of the OpenAPI document that requests are made from. */
export interface Operation {
  operationId: string;
  description?: string;
  security: Record<string, string[]>[];
  parameters?: { name: string; in: string; required?: boolean; example?: unknown }[];
  requestBody?: {
    content: Record<string, { schema?: { $ref: string }; examples?: Record<string, Example> }>;
  };
  responses: Record<string, { content?: Record<string, unknown>; $ref?: string }>;
}

export interface AccessDocument {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, { examples?: unknown[] }> };
}

/** The operation that the document has for a route. HEAD is that of GET. */
export function operationOf(
  document: AccessDocument,
  { method, url }: Pick<RegisteredRoute, 'method' | 'url'>,
): Operation | undefined {
  const verb = method === 'HEAD' ? 'get' : method.toLowerCase();
  return document.paths[url.replaceAll(/:(\w+)/g, '{$1}')]?.[verb];
}

/** The query that the examples of the document make. */
export function exampleQuery({ parameters = [] }: Operation): string {
  const given = parameters.filter((parameter) => parameter.in === 'query' && parameter.example !== undefined);
  return new URLSearchParams(
    given.map(({ name, example }): [string, string] => [name, String(example)]),
  ).toString();
}

/** The first example of the body, if it is an object and not a multipart form. */
export function exampleBody(document: AccessDocument, { requestBody }: Operation): object | undefined {
  const [type, { schema, examples = {} }] = Object.entries(requestBody?.content ?? {})[0] ?? ['', {}];
  if (type === '' || type.startsWith('multipart/')) return undefined;
  const named = document.components.schemas[schema?.$ref.split('/').at(-1) ?? '']?.examples ?? [];
  const [example] = [...Object.values(examples).map(({ value }) => value), ...named];
  return example as object;
}

/** What is wrong with the headers for caches: whatever needs a credential is for its client alone. */
export function cacheFaults(
  access: RouteAccess | undefined,
  headers: Readonly<Record<string, unknown>>,
): string[] {
  const [vary, control] = [String(headers.vary ?? ''), String(headers['cache-control'] ?? '')];
  const names = vary.split(', ');
  if (new Set(names).size < names.length) return [`Vary: ${vary}`];
  const isVaried = names.includes('Authorization') && names.includes('X-API-Key');
  if (access === 'public') {
    const isMarked = isVaried || control.includes('private');
    return isMarked ? [`a public answer has Vary: ${vary} and Cache-Control: ${control}`] : [];
  }
  // RFC 9111, 3.5: each of these lets a shared cache store the answer to a request with Authorization.
  const isShared = /public|must-revalidate|s-maxage/.test(control);
  const isPrivate = /\b(private|no-store)\b/.test(control) && !isShared;
  return [...(isVaried ? [] : [`Vary: ${vary}`]), ...(isPrivate ? [] : [`Cache-Control: ${control}`])];
}
