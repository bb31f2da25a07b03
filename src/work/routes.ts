import type { TObject, TSchema } from '@sinclair/typebox';
import type { InputPart } from './inputs.ts';

/** How a request carries parameters: its schema, and the mapping to the parameters and, for faults, back. */
export interface RequestForm<Schema extends TSchema = TSchema> {
  schema: Schema;
  /** Converts values that match the schema to parameters. */
  read(values: Record<string, unknown>): unknown;
  /** Converts a path in the parameters to a path in the request. */
  locate(path: string): string;
}

/** A request whose values are the parameters. */
export function plainForm<Schema extends TSchema>(schema: Schema): RequestForm<Schema> {
  return { schema, read: (values) => values, locate: (path) => path };
}

export type Examples = Record<string, { summary: string; value: unknown }>;

export type ResourceName = 'Image' | 'Artifact';

/** The documentation of a route on a resource. */
export interface RouteText {
  operationId: (of: ResourceName) => string;
  summary: (of: 'image' | 'artifact') => string;
  description: string;
}

/** Bytes in an answer, by media type. */
export interface BytesAnswer {
  description: string;
  /** The schema of each media type: that of the JSON, or `BYTES` for anything else. */
  content: Record<string, { schema: TSchema }>;
  /** Headers besides those that all bytes have, for the document. */
  headers?: Record<string, object>;
}

/** A body with less than the parameters require. */
export interface Shorthand {
  /** The bodies that clients may send, for the document. */
  schema: TSchema;
  /** Completes a body before it is validated. */
  complete(body: unknown): unknown;
}

/** Creates the artifact and answers with it. */
export interface ArtifactPost extends RouteText {
  answers: 'artifact';
  form: RequestForm;
  /** Set if a client may leave out the body, or a part of it that the form requires. */
  shorthand?: Shorthand;
  examples: Examples;
  /** Headers besides those that all such answers have, for the document. */
  headers?: Record<string, object>;
}

/** Takes the same body and answers with the bytes. */
export interface BytesPost extends Omit<ArtifactPost, 'answers' | 'headers'> {
  answers: 'bytes';
  bytes: BytesAnswer;
}

/** Answers with the result itself. */
export interface BytesGet extends RouteText {
  form: RequestForm<TObject>;
  /** Parameters that are valid together. */
  example?: Record<string, unknown>;
  part: InputPart;
  bytes: BytesAnswer;
}

/** Routes of an operation, below `/images/{id}` and `/artifacts/{id}`. */
export interface OperationRoute {
  path: string;
  tag: string;
  post?: ArtifactPost | BytesPost;
  get?: BytesGet;
}

/** The route to a part of a stored result, below `/artifacts/{id}`. */
export interface StoredPartRoute {
  path: string;
  tag: string;
  operationId: string;
  summary: string;
  description: string;
  part: InputPart;
  bytes: BytesAnswer;
}

/** Routes of a view: below `/artifacts/{id}`, and below the first route of the operation that stores the artifact. */
export interface ViewRoute extends Omit<BytesGet, 'part'> {
  /** Below the path of the operation that stores the artifact. */
  path: string;
  /** Below `/artifacts/{id}`. */
  artifactPath: string;
  artifactOperationId: string;
  artifactSummary: string;
  tag: string;
}
