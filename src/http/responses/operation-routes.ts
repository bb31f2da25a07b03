import type { TObject } from '@sinclair/typebox';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { OwnerId } from '../../auth/owner.ts';
import type { BlobReader } from '../../blobs/blob-reader.ts';
import type { BlobRef } from '../../blobs/blob-store.ts';
import { AppError, type Fault } from '../../core/errors.ts';
import { nameOf, relocatedError, relocatedFault } from '../../core/faults.ts';
import { ObjectWithDefaults } from '../../core/schema.ts';
import type { Artifact, Retention } from '../../work/artifact.ts';
import type { DeferredOutcome, RequestDeferral } from '../../work/deferred.ts';
import type { InputPart, StoredRef } from '../../work/inputs.ts';
import type { MadeArtifact, Maker, PlannedWork } from '../../work/make.ts';
import type { FileKind, Operation, View } from '../../work/operation.ts';
import type {
  ArtifactPost,
  BytesAnswer,
  BytesGet,
  BytesPost,
  OperationRoute,
  RequestForm,
  StoredPartRoute,
} from '../../work/routes.ts';
import { type Work, workKey } from '../../work/work.ts';
import { clientSignal } from '../connections/client-signal.ts';
import { COMPUTATION_CODES, CONTENT_CODES, JSON_BODY_CODES, problemResponses } from '../problems/problems.ts';
import { parameterCompiler } from '../problems/validation.ts';
import { acceptedTypes, varyBy } from '../requests/negotiation.ts';
import { AsyncAnswers, acceptedResponse, PREFER_HEADER } from './async-answers.ts';
import { REVALIDATED, sendContent, sendMadeContent, storedContent } from './content.ts';
import {
  artifactContent,
  artifactResponses,
  bodySchema,
  bytesResponses,
  describe,
  RESOURCES,
  type Resource,
  wholeResponse,
} from './operation-documents.ts';
import { IdParamsSchema, plainJson } from './responses.ts';

/** The artifacts' slice gives the two functions, because this folder may not import it. */
interface OperationRoutesOptions {
  operations: ReadonlyMap<string, Operation>;
  maker: Maker;
  /** Does the work of requests whose clients prefer not to wait for it. */
  deferral: RequestDeferral;
  blobs: BlobReader;
  findArtifact: (owner: OwnerId, id: string) => Promise<Artifact>;
  toArtifactResponse: (artifact: Artifact) => object;
}

/**
 * The routes that operations declare, on images and on artifacts, with one contract: `POST` makes an artifact and answers with
 * it; `GET` answers with the result itself, names its artifact in `Content-Location`, and caches it. Both take the same
 * parameters.
 */
export async function operationRoutes(app: FastifyInstance, options: OperationRoutesOptions): Promise<void> {
  app.setSerializerCompiler(plainJson);
  const routes = new OperationRoutes(app, options);
  for (const operation of options.operations.values()) {
    for (const route of operation.routes) {
      for (const resource of RESOURCES) routes.add(operation, route, resource);
    }
    for (const part of operation.parts) routes.addPart(operation, part);
    if (operation.view !== null) routes.addView(operation, operation.view);
  }
}

type Values = Record<string, unknown>;

/** Work as a request describes it. */
interface RequestedWork {
  operation: Operation;
  ref: StoredRef;
  form: RequestForm;
  values: Values;
}

class OperationRoutes {
  readonly #app: FastifyInstance;
  readonly #options: OperationRoutesOptions;
  readonly #answers: AsyncAnswers<DeferredOutcome>;
  #compile: ReturnType<typeof parameterCompiler> | undefined;
  /** Compiled at the first use, so that the start does not wait for them. */
  readonly #validators = new Map<Operation, (given: unknown) => void>();

  constructor(app: FastifyInstance, options: OperationRoutesOptions) {
    this.#app = app;
    this.#options = options;
    this.#answers = new AsyncAnswers(app, options.deferral);
  }

  /** The routes to an operation on a resource. */
  add(operation: Operation, { path, tag, post, get }: OperationRoute, resource: Resource): void {
    const url = `${resource.path}/${path}`;
    if (post) this.#addPost(operation, path, tag, post, resource);
    if (!get) return;
    const querystring = ObjectWithDefaults(get.form.schema.properties);
    this.#addGet(url, get, { ...describe(get, tag, resource), querystring }, async (request, reply) => {
      const work = { operation, ref: refOf(request, resource), form: get.form, values: queryOf(request) };
      const { artifact } = await this.#make(request, reply, work, 'cached');
      return this.#sendPart(request, reply, operation, artifact, get.part, REVALIDATED);
    });
  }

  /** The route to a part of a stored result. */
  addPart(operation: Operation, { path, tag, part, bytes, ...text }: StoredPartRoute): void {
    const schema = { ...text, tags: [tag], params: IdParamsSchema };
    this.#addGet(`/artifacts/:id/${path}`, { bytes }, schema, async (request, reply) => {
      const artifact = await this.#options.findArtifact(request.owner, idOf(request));
      this.#options.maker.requireStoredBy(operation, artifact);
      return this.#sendPart(request, reply, operation, artifact, part, REVALIDATED);
    });
  }

  /** The routes to a view: of an existing artifact, and of one that is made for the view. */
  addView(operation: Operation, view: View): void {
    const { form, tag, description } = view;
    const schema = {
      operationId: view.artifactOperationId,
      tags: [tag],
      summary: view.artifactSummary,
      description,
      params: IdParamsSchema,
      querystring: ObjectWithDefaults(form.schema.properties),
    };
    this.#addGet(`/artifacts/:id/${view.artifactPath}`, view, schema, (request, reply) => {
      const ref: StoredRef = { type: 'artifact', id: idOf(request).toLowerCase() };
      return this.#sendView(request, reply, operation, view, ref, queryOf(request));
    });
    // The view lies below the first route to the operation that it shows.
    const [route] = view.of.routes;
    if (!route?.get) return;
    for (const resource of RESOURCES) this.#addMadeView(operation, view, route.path, route.get, resource);
  }

  #addMadeView(operation: Operation, view: View, path: string, shown: BytesGet, resource: Resource): void {
    const url = `${resource.path}/${path}/${view.path}`;
    const querystring = joinQueries(operation, shown.form, view.form);
    const schema = { ...describe(view, view.tag, resource), querystring };
    const example = { ...shown.example, ...view.example };
    this.#addGet(url, { bytes: view.bytes, example }, schema, async (request, reply) => {
      const query = queryOf(request);
      const values = pick(query, shown.form.schema);
      const shownWork = { operation: view.of, ref: refOf(request, resource), form: shown.form, values };
      const own = pick(query, view.form.schema);
      const direct = await this.#viaShortcut(request, reply, view, shownWork, own);
      if (direct !== undefined)
        return this.#sendPart(request, reply, operation, direct, 'content', REVALIDATED);
      const sendOnce = async () => {
        const { artifact } = await this.#make(request, reply, shownWork, 'cached');
        const ref: StoredRef = { type: 'artifact', id: artifact.id };
        return this.#sendView(request, reply, operation, view, ref, own);
      };
      // What is shown may be evicted before its view is made.
      return sendOnce().catch((error: unknown) => {
        if (error instanceof AppError && error.code === 'not_found') return sendOnce();
        throw error;
      });
    });
  }

  /** A route that answers with bytes. */
  #addGet(
    url: string,
    { bytes, example }: { bytes: BytesAnswer; example?: Values },
    schema: object,
    handler: (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>,
  ): void {
    const response = {
      ...bytesResponses(bytes),
      ...problemResponses(...COMPUTATION_CODES, ...CONTENT_CODES),
    };
    const config = { access: 'images:read' as const, ...(example ? { queryExample: example } : {}) };
    this.#app.get(url, { config, schema: { ...schema, response } }, handler);
  }

  /** A route that makes an artifact from its body, and answers with the artifact or with its bytes. */
  #addPost(
    operation: Operation,
    path: string,
    tag: string,
    post: ArtifactPost | BytesPost,
    resource: Resource,
  ): void {
    const isKept = post.answers === 'artifact';
    const codes = [...COMPUTATION_CODES, ...JSON_BODY_CODES];
    const response =
      post.answers === 'artifact'
        ? {
            ...artifactResponses(operation, post),
            ...acceptedResponse(artifactContent(operation), post.headers),
            ...problemResponses(...codes, 'quota_exceeded'),
          }
        : {
            ...wholeResponse(post.bytes),
            ...acceptedResponse(post.bytes.content, post.bytes.headers),
            ...problemResponses(...codes, 'precondition_failed'),
          };
    this.#app.post(
      `${resource.path}/${path}`,
      {
        preValidation: async (request) => {
          if (post.shorthand) request.body = post.shorthand.complete(request.body);
        },
        config: {
          access: isKept ? 'images:write' : 'images:read',
          requestHeaders: PREFER_HEADER,
          bodyExamples: post.examples,
          ...(post.shorthand ? { optionalBody: post.shorthand.schema } : {}),
        },
        schema: { ...describe(post, tag, resource), body: bodySchema(post.form.schema), response },
      },
      async (request, reply) => {
        const work = { operation, ref: refOf(request, resource), form: post.form, values: bodyOf(request) };
        const retention = isKept ? 'kept' : 'cached';
        varyBy(reply, 'Prefer');
        const made = this.#answers.isPreferred(request)
          ? await this.#defer(request, reply, path, work, retention)
          : await this.#make(request, reply, work, retention);
        if (made === undefined) return reply.send();
        const { artifact, isNew, ignored } = made;
        if (!isKept) return this.#sendPart(request, reply, operation, artifact, 'content', 'no-store');
        const self = `/artifacts/${artifact.id}`;
        if (isNew) reply.header('location', self);
        return reply
          .code(isNew ? 201 : 200)
          .header('content-location', self)
          .send({
            ...this.#options.toArtifactResponse(artifact),
            ...(ignored.length > 0 ? { ignored } : {}),
          });
      },
    );
  }

  /**
   * Plans and makes the requested artifact. Its faults have the paths of the request.
   *
   * @returns also the names of parameters that were dropped, which a header of the answer lists
   */
  async #make(
    request: FastifyRequest,
    reply: FastifyReply,
    work: RequestedWork,
    retention: Retention,
  ): Promise<MadeArtifact & { ignored: string[] }> {
    try {
      const { planned, ignored } = await this.#plan(request, reply, work);
      const options = { retention, signal: clientSignal(reply) };
      const made = await this.#options.maker.make(request.owner, planned, options);
      listIgnored(reply, ignored);
      return { ...made, ignored };
    } catch (error) {
      throw withPathsOf(work.form, request, error);
    }
  }

  /**
   * Plans the requested artifact, so that faults are answered at once, and lets a job make it.
   *
   * @param path of the POST below the resource
   * @returns undefined if the client gets the answer of the job
   */
  async #defer(
    request: FastifyRequest,
    reply: FastifyReply,
    path: string,
    work: RequestedWork,
    retention: Retention,
  ): Promise<(MadeArtifact & { ignored: string[] }) | undefined> {
    const { form, ref } = work;
    const values = structuredClone(work.values);
    const { ignored, accepted } = await this.#plan(request, reply, work).catch((error: unknown) => {
      throw withPathsOf(form, request, error);
    });
    const outcome = await this.#answers.defer(request, reply, (submitter) =>
      this.#options.deferral.submit({ ...submitter, route: path, ref, values, accepts: accepted, retention }),
    );
    listIgnored(reply, ignored);
    if (outcome === undefined) return undefined;
    const artifact = await this.#options.findArtifact(request.owner, outcome.artifactId);
    return { artifact, isNew: outcome.isNew, ignored };
  }

  /** @returns also the names of parameters that were dropped, and the media types that the client accepts if they matter */
  async #plan(
    request: FastifyRequest,
    reply: FastifyReply,
    { operation, ref, form, values }: RequestedWork,
  ): Promise<{ planned: PlannedWork; ignored: string[]; accepted: string[] }> {
    const ignored: string[] = [];
    let accepted: string[] = [];
    const accepts = () => {
      varyBy(reply, 'Accept');
      accepted = acceptedTypes(request);
      return accepted;
    };
    const given = form.read(values);
    // The route has validated a body already.
    if (request.method !== 'POST') this.#validate(operation, given);
    const ignore = (path: string) => ignored.push(nameOf(form.locate(path)));
    const planned = await this.#options.maker.plan(request.owner, operation, ref, given, { accepts, ignore });
    return { planned, ignored, accepted };
  }

  /** Validates parameters by the operation's schema, like a body, and fills in its defaults. */
  #validate(operation: Operation, given: unknown): void {
    this.#compile ??= parameterCompiler(this.#app.getSchemas());
    const validate = this.#validators.get(operation) ?? this.#compile(bodySchema(operation.params));
    this.#validators.set(operation, validate);
    validate(given);
  }

  /** Sends a part of a stored artifact: its bytes or its document. */
  #sendPart(
    request: FastifyRequest,
    reply: FastifyReply,
    operation: Operation,
    artifact: Artifact,
    part: InputPart,
    cacheControl: string,
  ): Promise<FastifyReply> {
    const { path, ...stored } = partOf(operation, artifact, part);
    reply.header('content-location', `/artifacts/${artifact.id}/${path}`);
    return sendContent(request, reply, storedContent(this.#options.blobs, stored, { cacheControl }));
  }

  /** Makes a view without what it shows; undefined if that is stored, or takes less time. */
  async #viaShortcut(
    request: FastifyRequest,
    reply: FastifyReply,
    { shortcut, form }: View,
    shown: RequestedWork,
    own: Values,
  ): Promise<Artifact | undefined> {
    if (shortcut === undefined) return undefined;
    const { maker } = this.#options;
    try {
      const { planned } = await this.#plan(request, reply, shown);
      const params = shortcut.paramsFor(planned.params, form.read(own) as object);
      if (params === undefined || (await maker.isStored(request.owner, planned))) return undefined;
      const work = await maker.plan(request.owner, shortcut.operation, shown.ref, params);
      const options = { retention: 'cached', signal: clientSignal(reply) } as const;
      return (await maker.make(request.owner, work, options)).artifact;
    } catch (error) {
      throw withPathsOf(eitherForm(form, shown.form), request, error);
    }
  }

  /** Makes a view of a stored artifact and sends it. Its ETag is the hash of the work, so a 304 needs no bytes. */
  async #sendView(
    request: FastifyRequest,
    reply: FastifyReply,
    operation: Operation,
    { form, artifactPath }: View,
    ref: StoredRef,
    values: Values,
  ): Promise<FastifyReply> {
    const { maker, blobs } = this.#options;
    try {
      const work = await maker.plan(request.owner, operation, ref, form.read(values));
      const { filename, mediaType } = maker.fileOf(work);
      reply.header('content-location', locationOf(`/artifacts/${ref.id}/${artifactPath}`, work, form));
      const head = { sha256: workKey(work).toString('hex'), mediaType, filename, cacheControl: REVALIDATED };
      return await sendMadeContent(request, reply, head, async () => {
        const options = { retention: 'cached', signal: clientSignal(reply) } as const;
        const { artifact } = await maker.make(request.owner, work, options);
        return { size: artifact.size, open: (range) => blobs.open(artifact, range) };
      });
    } catch (error) {
      throw withPathsOf(form, request, error);
    }
  }
}

/** The form that holds a parameter of a view or of what it shows. */
function eitherForm(own: RequestForm<TObject>, shown: RequestForm): RequestForm {
  const isOwn = (path: string) => (path.split('/', 2)[1] ?? '') in own.schema.properties;
  return { ...own, locate: (path) => (isOwn(path) ? own : shown).locate(path) };
}

/** A part of an artifact, with its path below the artifact. */
function partOf(
  operation: Operation,
  artifact: Artifact,
  part: InputPart,
): BlobRef & FileKind & { path: string } {
  const { document, filename, mediaType, sha256, size } = artifact;
  if (part === 'content') return { sha256, size, path: 'content', mediaType, filename };
  const route = operation.parts.find((candidate) => candidate.part === 'document');
  if (document === null || route === undefined || operation.documentName === undefined) {
    throw new Error(`Artifact ${artifact.id} of ${operation.name} has no document to send.`);
  }
  return {
    ...document,
    path: route.path,
    mediaType: 'application/json',
    filename: operation.documentName(filename),
  };
}

/** The URL of a view with all its parameters. */
function locationOf(path: string, { params }: Work, { schema }: RequestForm<TObject>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(pick(params, schema))) query.set(name, String(value));
  return query.size === 0 ? path : `${path}?${query}`;
}

function listIgnored(reply: FastifyReply, ignored: readonly string[]): void {
  if (ignored.length > 0) reply.header('x-ignored-parameters', ignored.join(', '));
}

/** The values that a schema has properties for. */
function pick(values: object, { properties }: TObject): Values {
  return Object.fromEntries(Object.entries(values).filter(([name]) => name in properties));
}

/** The parameters of an artifact and of a view of it, together. */
function joinQueries(operation: Operation, made: RequestForm<TObject>, own: RequestForm<TObject>): TObject {
  const twice = Object.keys(own.schema.properties).find((name) => name in made.schema.properties);
  if (twice !== undefined)
    throw new Error(`${operation.name} has a parameter ${twice}, and so does the operation that it shows.`);
  return ObjectWithDefaults({ ...made.schema.properties, ...own.schema.properties });
}

/** Fastify has validated path, query and body by the route's schemas, but TypeScript cannot see that here. */
const idOf = (request: FastifyRequest) => (request.params as { id: string }).id;
const queryOf = (request: FastifyRequest) => request.query as Values;
const bodyOf = (request: FastifyRequest) => (request.body ?? {}) as Values;

function refOf(request: FastifyRequest, { type }: Resource): StoredRef {
  return { type, id: idOf(request) };
}

/** The fault, at the parameter itself if a query has it once and it became the only item of a list. */
function asSent(fault: Fault, { method, url }: FastifyRequest): Fault {
  const [, name] = /^\/([^/]+)\/0$/.exec(fault.path) ?? [];
  if (name === undefined || method === 'POST') return fault;
  const { searchParams } = new URL(url, 'http://localhost');
  if (searchParams.getAll(name).length !== 1) return fault;
  const message = fault.message.replace(` for ${name}[0] but`, () => ` for ${name} but`);
  return { ...fault, path: `/${name}`, message };
}

/** The error, with its faults located and named as in the request. */
function withPathsOf(form: RequestForm, request: FastifyRequest, error: unknown): unknown {
  return relocatedError(error, (fault) => asSent(relocatedFault(fault, form.locate(fault.path)), request));
}
