import { readFile } from 'node:fs/promises';
import { type Static, type TObject, type TSchema, Type } from '@sinclair/typebox';
import { ObjectWithDefaults } from '../../core/schema.ts';
import type { ImageLimits } from '../../pictures/types.ts';
import { defineOperation, type Operation, type RunTask } from '../../work/operation.ts';
import { type BytesAnswer, plainForm } from '../../work/routes.ts';
import { documentFile, pictureFile, writeNewFile } from '../../work/task-files.ts';
import type { LabelMap } from '../labels/labels.ts';
import type { Picture } from '../labels/picture.ts';
import { LABEL_MAP_SUFFIX, segmentation } from '../operation.ts';
import type { SegmentationParams, SegmentationResult } from '../schemas.ts';

/** What a form can be made from; only what it asks for is read. */
export interface FormSource {
  labels(): Promise<LabelMap>;
  segments(): Promise<SegmentationResult>;
  /** The picture that was segmented, if the form `needsPicture`. */
  picture(page: number): Promise<Picture>;
  /** The picture's name. */
  filename: string;
  limits: ImageLimits;
}

interface FormDefinition<Name extends string, Params extends TObject> {
  /** As in the path. */
  name: Name;
  /** For operation ids: `Overlay`. */
  id: string;
  /** A noun: `Overlay`. */
  title: string;
  description: string;
  /** Raised when the same segments are given in other bytes than before. */
  version: number;
  params: Params;
  /** Of the mask that is shown, what the parameters need and the client does not say. */
  complete?: (params: Static<Params>, mask: SegmentationParams) => Static<Params>;
  /** Parameters that a request does not have. */
  internal?: readonly (keyof Params['properties'])[];
  example?: Partial<Static<Params>>;
  needsPicture?: boolean;
  /** After the stem of the picture's name. */
  suffix: (params: Static<Params>) => string;
  mediaType: (params: Static<Params>) => string;
  bytes: BytesAnswer;
  /** Schemas with a name that `bytes` refers to. */
  schemas?: readonly TSchema[];
  /** @throws AppError `validation_failed` for parameters that do not fit the segments; `output_too_large` */
  render(source: FormSource, params: Static<Params>): Promise<Uint8Array>;
}

type Form<Name extends string, Params extends object> = Operation<Params> & {
  name: `mask-${Name}`;
  schemas: readonly TSchema[];
};

/** A form of a stored segmentation: an operation on its mask that stores nothing. */
export function defineForm<const Name extends string, Params extends TObject>(
  definition: FormDefinition<Name, Params>,
): Form<Name, Static<Params> & object> {
  const { name, id, title, description, params, complete, internal = [], needsPicture = false } = definition;
  const asked = ObjectWithDefaults(
    Object.fromEntries(
      Object.entries(params.properties).filter(([parameter]) => !internal.includes(parameter)),
    ),
  );
  const operation = defineOperation({
    name: `mask-${name}`,
    version: definition.version,
    params,
    result: Type.Object({}),
    subject: 'mask',
    reads: { subject: ['content', 'document'], others: needsPicture ? ['content'] : [] },
    // The picture: each form has its name, some show it.
    inputs: (_params, { origin }) =>
      origin?.inputs.slice(0, 1).map((ref) => ({ ref, path: '', kind: 'picture' })) ?? [],
    canonicalize(given, { subject }) {
      if (subject.origin === null) throw new Error('A form is of a stored mask.');
      // Written by this service, so the columns hold what their types say; what is given fits the schema.
      const mask = subject.origin.parameters as SegmentationParams;
      return complete ? complete(given as Static<Params>, mask) : (given as Static<Params> & object);
    },
    makes: ({ filename }, given) => ({
      filename: filename.slice(0, -LABEL_MAP_SUFFIX.length) + definition.suffix(given),
      mediaType: definition.mediaType(given),
    }),
    view: {
      of: segmentation,
      path: name,
      artifactPath: `segments/${name}`,
      tag: 'measurement',
      operationId: (of) => `get${of}${id}`,
      summary: (of) => `${title} of the segments of an ${of}`,
      artifactOperationId: `getSegments${id}`,
      artifactSummary: `${title} of a stored mask`,
      description,
      form: plainForm(asked),
      ...(definition.example === undefined ? {} : { example: definition.example }),
      bytes: definition.bytes,
    },
    label: () => 'mask-form',
    load: async () => loadForm(definition.render),
  });
  return { ...operation, schemas: definition.schemas ?? [] };
}

/** The code that reads what forms are made from is loaded with the form, in the process that makes it. */
async function loadForm<Params extends object>(
  render: (source: FormSource, params: Params) => Promise<Uint8Array>,
): Promise<RunTask<Params>> {
  const [{ readLabelMap }, { readPicture }] = await Promise.all([
    import('../labels/label-map.ts'),
    import('../read-picture.ts'),
  ]);
  return async ({ inputs: [mask, picture], params, limits, outputPath }) => {
    const source: FormSource = {
      labels: () => readLabelMap(pictureFile(mask).path),
      segments: async () => JSON.parse(await readFile(documentFile(mask), 'utf8')) as SegmentationResult,
      picture: (page) => readPicture(pictureFile(picture), page, limits),
      filename: picture?.filename ?? '',
      limits,
    };
    return { content: await writeNewFile(outputPath, await render(source, params)), result: {} };
  };
}
