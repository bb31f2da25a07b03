import type { Static, TObject } from '@sinclair/typebox';
import type { FastifyRequest } from 'fastify';
import { type Faults, faultsError, parameterErrors, parameterFault, Words } from '../../core/faults.ts';
import { schemaFaults } from '../../core/schema-faults.ts';
import type { Validate } from '../../core/validator.ts';
import type { LocatedFault } from '../problems/fault-location.ts';

/**
 * The options of a form whose query takes the same ones: the values of both.
 *
 * @param fields text fields of the form
 * @param schema of the query, which has been validated
 * @throws AppError `validation_failed` for a field that is wrong, or that the query gives, too
 */
export function withFormOptions<Query extends TObject>(
  request: FastifyRequest,
  fields: Readonly<Record<string, string | string[]>>,
  schema: Query,
): Static<Query> {
  const query = request.query as Static<Query>;
  const names = Object.keys(fields);
  if (names.length === 0) return query;
  const inQuery = new URL(request.url, 'http://localhost').searchParams;
  const twice = names.filter((name) => inQuery.has(name));
  if (twice.length > 0) {
    throw parameterErrors(
      twice.map((name) =>
        inBody(parameterFault(`/${name}`, 'it once', new Words('it in the query and in the form'))),
      ),
    );
  }
  const values: Record<string, unknown> = { ...fields };
  const validate = request.compileValidationSchema(schema, 'querystring') as unknown as Validate;
  if (!validate(values)) {
    const { listed, total }: Faults = schemaFaults(validate.errors);
    throw faultsError({ listed: listed.map(inBody), total });
  }
  return { ...query, ...Object.fromEntries(names.map((name) => [name, values[name]])) };
}

function inBody(fault: Faults['listed'][number]): LocatedFault {
  return { location: 'body', ...fault };
}
