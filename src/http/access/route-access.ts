import type { RouteOptions } from 'fastify';
import fp from 'fastify-plugin';
import type { Scope } from '../../auth/scopes.ts';

/**
 * Who may use a route: everybody (`public`), workers on other machines (`worker`), which the route authenticates itself, whoever has any credential (`authenticated`), whoever has logged in and has not sent an
 * API key (`session`), or whoever has a scope.
 */
export type RouteAccess = 'public' | 'worker' | 'authenticated' | 'session' | Scope;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Every route must have it; the application does not start otherwise. */
    access?: RouteAccess;
  }
}

/** Refuses to start if a route that was registered after this plugin does not say who may use it. */
export const routeAccess = fp(async (app) => {
  const undeclared: RouteOptions[] = [];
  app.addHook('onRoute', (route) => {
    undeclared.push(route);
  });
  app.addHook('onReady', async () => {
    const names = undeclared
      .filter(({ config }) => config?.access === undefined)
      .map(({ method, url }) => `${[method].flat().join(', ')} ${url}`);
    if (names.length > 0) throw new Error(`These routes do not declare config.access: ${names.join('; ')}.`);
  });
});
