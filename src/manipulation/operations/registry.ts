import type { Static } from '@sinclair/typebox';
import { blur } from './blur.ts';
import { clahe } from './clahe.ts';
import { composite } from './composite.ts';
import { crop } from './crop.ts';
import { extend } from './extend.ts';
import { flatten } from './flatten.ts';
import { flip } from './flip.ts';
import { flop } from './flop.ts';
import { gamma } from './gamma.ts';
import { grayscale } from './grayscale.ts';
import { median } from './median.ts';
import { modulate } from './modulate.ts';
import { negate } from './negate.ts';
import { normalize } from './normalize.ts';
import type { Operation } from './operation.ts';
import { resize } from './resize.ts';
import { rotate } from './rotate.ts';
import { sharpen } from './sharpen.ts';
import { threshold } from './threshold.ts';
import { tint } from './tint.ts';
import { trim } from './trim.ts';

/** The operations on pixels, in the order of the docs. */
export const OPERATION_NAMES = [
  'resize',
  'crop',
  'trim',
  'extend',
  'rotate',
  'flip',
  'flop',
  'composite',
  'blur',
  'sharpen',
  'median',
  'grayscale',
  'tint',
  'modulate',
  'gamma',
  'normalize',
  'clahe',
  'threshold',
  'negate',
  'flatten',
] as const;
export type OperationName = (typeof OPERATION_NAMES)[number];

/** An operation whose parameters are not known at compile time. */
export type AnyOperation = Operation<OperationName, Record<string, unknown>>;

const DEFINITIONS = {
  resize,
  crop,
  trim,
  extend,
  rotate,
  flip,
  flop,
  composite,
  blur,
  sharpen,
  median,
  grayscale,
  tint,
  modulate,
  gamma,
  normalize,
  clahe,
  threshold,
  negate,
  flatten,
} satisfies { [Name in OperationName]: { name: Name } };

/** Every operation by its name. */
export const OPERATIONS: Record<OperationName, AnyOperation> = DEFINITIONS;

/** One operation of a pipeline with its parameters, told apart by `op`. */
export type OperationStep = {
  [Name in OperationName]: Static<(typeof DEFINITIONS)[Name]['step']>;
}[OperationName];
