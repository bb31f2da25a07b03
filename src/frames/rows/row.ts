import { Type } from '@sinclair/typebox';

/** Most pixels of a row. */
export const MAX_COLUMNS = 10_000;

/** The depth farthest from 0 that a row may have: steps between such depths, and their sums, are still numbers. */
export const MAX_DEPTH = 1e100;

/** Pixels of a row. */
export const RowWidth = (options: object = {}) =>
  Type.Integer({ minimum: 1, maximum: MAX_COLUMNS, ...options });

export const Depth = (options: object = {}) => Type.Number({ examples: [9000.1], ...options });
