import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { AppError, type Fault } from '../errors.ts';
import { parameterError } from '../faults.ts';
import {
  METHOD_NAMES,
  METHOD_PARAMS,
  type MethodName,
  PARAM_SCHEMAS,
  type SegmentationParams,
} from './schemas.ts';

const ajv = new Ajv({ allErrors: true, useDefaults: true, discriminator: true, verbose: true });
ajv.addSchema(PARAM_SCHEMAS);

/**
 * Parameters as a client gave them, checked and completed: the method's own defaults are filled in (otsu where no
 * method is named), so that equal work has equal parameters. What is given is not changed.
 *
 * @throws AppError `validation_failed` with every fault of the method's own schema, or with one that lies between
 *   parameters
 */
export function resolveParams(given: unknown): SegmentationParams {
  const method = methodName(given);
  const params: unknown = structuredClone({ ...(given ?? {}), method });
  const validate = validatorOf(method);
  if (!validate(params)) {
    throw new AppError('validation_failed', 'The parameters of the segmentation are not valid.', {
      errors: faultsOf(validate.errors ?? []),
    });
  }
  checkCombination(params);
  return { ...computedDefaults(params), ...params };
}

/** Compiled at the first use: it takes milliseconds each. */
function validatorOf(method: MethodName): ValidateFunction<SegmentationParams> {
  const validate = ajv.getSchema<SegmentationParams>(METHOD_PARAMS[method].$id ?? '');
  if (validate === undefined) throw new Error(`The parameters of ${method} have no schema of theirs.`);
  return validate;
}

/** The first fault of each value: one of a wrong type fails other rules, too. */
function faultsOf(errors: readonly ErrorObject[]): Fault[] {
  const faults = errors.map(toFault);
  return faults.filter(({ path }, i) => faults.findIndex((other) => other.path === path) === i);
}

function toFault({ keyword, instancePath, params, message, data }: ErrorObject): Fault {
  const at = (name: unknown) => `${instancePath}/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`;
  const fault = (path: string, text: string): Fault => ({ location: 'body', path, message: text });
  switch (keyword) {
    case 'required':
      return fault(at(params.missingProperty), 'is required');
    case 'additionalProperties':
      return fault(at(params.additionalProperty), 'is not a known parameter of this method');
    case 'discriminator':
      return fault(
        at(params.tag),
        `names no known kind, got ${JSON.stringify(params.tagValue) ?? 'nothing'}`,
      );
    case 'enum':
      return fault(
        instancePath,
        `must be one of ${params.allowedValues.join(', ')}, got ${JSON.stringify(data)}`,
      );
    default:
      return fault(instancePath, `${message}, got ${JSON.stringify(data)}`);
  }
}

function methodName(given: unknown): MethodName {
  if (given === undefined || given === null) return 'otsu';
  if (typeof given !== 'object' || Array.isArray(given)) {
    throw parameterError('', 'an object of segmentation parameters', given);
  }
  const { method = 'otsu' } = given as { method?: unknown };
  const name = METHOD_NAMES.find((known) => known === method);
  if (name === undefined) {
    throw parameterError('/method', `one of ${METHOD_NAMES.join(', ')}`, method);
  }
  return name;
}

/**
 * Longest side of the copy that grabcut works on: its graph cut takes 1 to 4 s a megapixel and iteration. On a copy of
 * half the size it may settle in another local optimum (overlap of 0.6 to 0.99 on a photo of 600 × 400).
 */
const GRABCUT_WORKING_SIZE = 640;

/** Defaults that depend on the other parameters. */
function computedDefaults(params: SegmentationParams): {
  segments: 'components' | 'classes';
  working_size?: number;
} {
  switch (params.method) {
    case 'kmeans':
      return { segments: 'classes' };
    case 'multi_otsu':
      return { segments: params.classes > 2 ? 'classes' : 'components' };
    case 'grabcut':
      return { segments: 'components', working_size: GRABCUT_WORKING_SIZE };
    default:
      return { segments: 'components' };
  }
}

/** Faults between parameters that need no picture to be seen. */
function checkCombination(params: SegmentationParams): void {
  switch (params.method) {
    case 'threshold':
      if (params.value === undefined && params.adaptive === undefined) {
        throw parameterError('/value', 'a global threshold, or adaptive instead,', undefined);
      }
      if (params.value !== undefined && params.adaptive !== undefined) {
        throw parameterError('/adaptive', 'no value together with value', params.adaptive);
      }
      if (params.block_size % 2 === 0) {
        throw parameterError('/block_size', 'an odd integer', params.block_size);
      }
      return;
    case 'color':
      if (params.color === undefined && params.point === undefined) {
        throw parameterError('/color', 'a colour, or a point to take it from,', undefined);
      }
      return;
    case 'multi_otsu':
      if (params.classes > 2) checkTwoClassMorphology(params);
      return;
    case 'kmeans':
      checkTwoClassMorphology(params);
      return;
    case 'watershed':
      if (params.markers.from !== 'levels') checkTwoClassMorphology(params);
      else if (params.markers.low >= params.markers.high) {
        throw parameterError(
          '/markers/low',
          `a level below high (${params.markers.high})`,
          params.markers.low,
        );
      }
      return;
    default:
  }
}

/** Opening and closing are defined on a foreground and a background; between several classes no order is right. */
function checkTwoClassMorphology(params: SegmentationParams): void {
  for (const name of ['open', 'close'] as const) {
    if (params[name] > 0) {
      throw parameterError(`/${name}`, `0, since ${params.method} gives several classes here,`, params[name]);
    }
  }
}
