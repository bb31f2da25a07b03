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
};

export type OperationName = keyof typeof DEFINITIONS;
export const OPERATION_NAMES = Object.keys(DEFINITIONS) as OperationName[];

/** An operation whose parameters are not known at compile time. */
export type AnyOperation = Operation<OperationName, Record<string, unknown>>;

/** Every operation by its name. */
export const OPERATIONS: Record<OperationName, AnyOperation> = DEFINITIONS;

/** One operation of a pipeline with its parameters, told apart by `op`. */
export type OperationStep = Static<(typeof DEFINITIONS)[OperationName]['step']>;
