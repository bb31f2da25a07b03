import type { TObject, TSchema } from '@sinclair/typebox';
import type { InputPart } from './inputs.ts';

/** How a request says parameters: what it holds, and the way from there to the parameters and, for faults, back. */
export interface RequestForm<Schema extends TSchema = TSchema> {
  schema: Schema;
  /** Parameters as a client may give them, from values that fit the schema. */
  read(values: Record<string, unknown>): unknown;
  /** The path in the request of what a fault names by its path in the parameters. */
  locate(path: string): string;
}

/** A request whose values are the parameters. */
export function plainForm<Schema extends TSchema>(schema: Schema): RequestForm<Schema> {
  return { schema, read: (values) => values, locate: (path) => path };
}

export type Examples = Record<string, { summary: string; value: unknown }>;

/** `Image` or `Artifact`, for names; in texts `image` or `artifact`. */
export type ResourceName = 'Image' | 'Artifact';

/** What the documentation says of a route on a resource. */
export interface RouteText {
  operationId: (of: ResourceName) => string;
  summary: (of: 'image' | 'artifact') => string;
  description: string;
}

/** Bytes in an answer: what they are, by media type. */
export interface BytesAnswer {
  description: string;
  /** The schema of each media type: of JSON its own, of all else `BYTES`. */
  content: Record<string, { schema: TSchema }>;
}

/** Makes the artifact and answers with it. */
export interface ArtifactPost extends RouteText {
  answers: 'artifact';
  form: RequestForm;
  /** Completes a body before it is validated. */
  complete?: (body: unknown) => unknown;
  examples: Examples;
}

/** Takes the same body and answers with the bytes. */
export interface BytesPost extends Omit<ArtifactPost, 'answers'> {
  answers: 'bytes';
  bytes: BytesAnswer;
}

/** Answers with the thing itself. */
export interface BytesGet extends RouteText {
  form: RequestForm<TObject>;
  /** Parameters that go together. */
  example?: Record<string, unknown>;
  part: InputPart;
  bytes: BytesAnswer;
}

/** Routes to an operation below `/images/{id}` and `/artifacts/{id}`. */
export interface OperationRoute {
  path: string;
  tag: string;
  post?: ArtifactPost | BytesPost;
  get?: BytesGet;
}

/** The way to a part of what an operation has stored, below `/artifacts/{id}`. */
export interface StoredPartRoute {
  path: string;
  tag: string;
  operationId: string;
  summary: string;
  description: string;
  part: InputPart;
  bytes: BytesAnswer;
}

/** Routes to a view: below `/artifacts/{id}` of what it shows, and below the first route to the operation that stores that. */
export interface ViewRoute extends RouteText {
  /** Below the path of the operation that is shown. */
  path: string;
  /** Below `/artifacts/{id}`. */
  artifactPath: string;
  artifactOperationId: string;
  artifactSummary: string;
  tag: string;
  form: RequestForm<TObject>;
  example?: Record<string, unknown>;
  bytes: BytesAnswer;
}
