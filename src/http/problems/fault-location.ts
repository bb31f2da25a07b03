import type { Fault } from '../../core/errors.ts';

/** The part of a request that held a faulty value. */
type FaultLocation = 'body' | 'query' | 'path' | 'header';

/** A fault as clients see it. */
export interface LocatedFault extends Fault {
  location: FaultLocation;
}

/** The fields of a request that show which part held a parameter. */
export interface ParameterSource {
  method?: string;
  params?: unknown;
  query?: unknown;
}

/**
 * The fault with its location. Code below HTTP names a parameter but not the part of the request that held it. That part
 * follows from the request: the path or the query if it has a parameter of this name; otherwise the query of a GET, and the
 * body of any other request. No route has two parameters of the same name.
 */
export function locateFault(fault: Fault | LocatedFault, source: ParameterSource): LocatedFault {
  return { location: locationOf(fault.path, source), ...fault };
}

function locationOf(path: string, { method, params, query }: ParameterSource): FaultLocation {
  const [, name = ''] = path.split('/');
  const isIn = (values: unknown) => Object.hasOwn(Object(values), name);
  if (isIn(params)) return 'path';
  return method === 'GET' || method === 'HEAD' || isIn(query) ? 'query' : 'body';
}
