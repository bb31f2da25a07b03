import { Type } from '@sinclair/typebox';

/** Placeholder shape until the operations are in place. */
export const PipelineSchema = Type.Object({
  operations: Type.Array(Type.Unknown()),
  output: Type.Object({}),
});
