import { Type } from '@sinclair/typebox';

/** Maximum pixels of a row. */
export const MAX_COLUMNS = 10_000;

/** Maximum absolute depth of a row: steps between such depths and their sums are still finite. */
export const MAX_DEPTH = 1e100;

/** Pixels of a row. */
export const RowWidth = (options: object = {}) =>
  Type.Integer({ minimum: 1, maximum: MAX_COLUMNS, ...options });

export const Depth = (options: object = {}) => Type.Number({ examples: [9000.1], ...options });
