import { readFile } from 'node:fs/promises';
import { type Static, type TObject, type TSchema, Type } from '@sinclair/typebox';
import { stemOf } from '../../core/filename.ts';
import { ObjectWithDefaults, SchemaRef } from '../../core/schema.ts';
import { releaseArray } from '../../pictures/release-array.ts';
import { defineOperation, type Operation, type RunTask } from '../../work/operation.ts';
import { type BytesAnswer, plainForm } from '../../work/routes.ts';
import { documentFile, pictureFile, writeNewFile } from '../../work/task-files.ts';
import type { LabelMap } from '../labels/labels.ts';
import type { Picture } from '../labels/picture.ts';
import { METHODS } from '../methods/index.ts';
import type { Method } from '../methods/method.ts';
import { LABEL_MAP_SUFFIX, SEGMENTATION_VERSION, segmentation } from '../operation.ts';
import { SegmentationParams, type SegmentationResult } from '../schemas.ts';

/** The source of a form; each part is read only when it is needed. */
interface FormSource {
  labels(): Promise<LabelMap>;
  /** The pixels that have a label: not 0. Which values they have is not defined. */
  foreground(): Promise<LabelMap>;
  segments(): Promise<SegmentationResult>;
  /** The picture that was segmented, if the form `needsPicture`. */
  picture(): Promise<Picture>;
}

export interface FormDefinition<Name extends string, Params extends TObject> {
  /** The last part of the path. */
  name: Name;
  /** The last part of operation ids: `Overlay`. */
  id: string;
  /** A noun: `Overlay`. */
  title: string;
  description: string;
  /** Raised when the same segments give other bytes than before. */
  version: number;
  params: Params;
  example?: Partial<Static<Params>>;
  needsPicture?: boolean;
  /** Whether it shows the picture's name, which `render` then gets as a parameter. */
  showsName?: boolean;
  /** Ends the filename, after the stem of the picture's. */
  suffix: (params: Static<Params>) => string;
  mediaType: (params: Static<Params>) => string;
  bytes: BytesAnswer;
  /** Named schemas that `bytes` refers to. */
  schemas?: readonly TSchema[];
  /** @throws AppError `validation_failed` for parameters that do not fit the segments; `output_too_large` */
  render(source: FormSource, params: Static<Params> & NameOfPicture): Promise<Uint8Array>;
}

/** Added to the parameters of a form that shows the picture. */
interface PageOfPicture {
  page?: number;
}

/** Added to the parameters of a form that shows the picture's name. */
interface NameOfPicture {
  file_name?: string;
}

type Form<Name extends string, Params extends object> = Operation<Params> & {
  name: `mask-${Name}`;
  schemas: readonly TSchema[];
};

/** The parameters of a form that is made from a picture: those of the form, and how to segment. */
type DirectParams = Record<string, unknown> & { segmentation: SegmentationParams };

/**
 * A form of a stored mask.
 *
 * @param direct the same form of a picture
 */
export function defineForm<const Name extends string, Params extends TObject>(
  definition: FormDefinition<Name, Params>,
  direct?: Operation,
): Form<Name, Static<Params> & object> {
  const { name, id, title, description, params, needsPicture = false, showsName = false } = definition;
  const operation = defineOperation({
    name: `mask-${name}`,
    version: definition.version,
    params,
    result: Type.Object({}),
    subject: 'mask',
    reads: { subject: ['content', 'document'], others: needsPicture ? ['content'] : [] },
    // The picture: some forms show it or its name.
    inputs: (_params, { origin }) =>
      origin?.inputs.slice(0, 1).map((ref) => ({ ref, path: '', kind: 'picture' })) ?? [],
    canonicalize(given, { subject }) {
      if (subject.origin === null) throw new Error('A form is made from a stored mask.');
      const { page } = subject.origin.parameters as SegmentationParams;
      const complete = given as Static<Params> & PageOfPicture;
      return needsPicture ? { ...complete, page } : complete;
    },
    addFacts: (given, [, picture]) => (showsName ? { ...given, file_name: picture?.filename ?? '' } : given),
    stores: 'form',
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
      form: plainForm(params),
      ...(definition.example === undefined ? {} : { example: definition.example }),
      bytes: definition.bytes,
      ...(direct === undefined ? {} : { shortcut: { operation: direct, paramsFor: directParams } }),
    },
    label: () => 'mask-form',
    load: async () => loadForm(definition.render),
  });
  return { ...operation, schemas: definition.schemas ?? [] };
}

/** The parameters of the form of a picture; undefined if its method takes so long that its result is to be stored. */
function directParams(segmentation: object, form: object): DirectParams | undefined {
  const params = segmentation as SegmentationParams;
  const method: Method = METHODS[params.method];
  return method.isQuick?.(params) ? { ...form, segmentation: params } : undefined;
}

/**
 * A form of a picture that needs no measurements. It is made without the label map and the segments of a stored mask, which take
 * longer than a quick method.
 */
export function defineDirectForm<const Name extends string, Params extends TObject>(
  definition: FormDefinition<Name, Params>,
): Operation<DirectParams> & { name: Name } {
  const { suffix, mediaType, render } = definition as unknown as FormDefinition<Name, TObject>;
  return defineOperation({
    name: definition.name,
    version: definition.version + SEGMENTATION_VERSION,
    params: Type.Unsafe<DirectParams>(
      ObjectWithDefaults({ segmentation: SchemaRef(SegmentationParams), ...definition.params.properties }),
    ),
    result: Type.Object({}),
    subject: 'picture',
    cost: ({ segmentation: params }, inputs) => segmentation.cost(params, inputs),
    stores: 'form',
    makes: ({ filename }, given) => ({
      filename: stemOf(filename) + suffix(given),
      mediaType: mediaType(given),
    }),
    label: () => 'mask-form',
    load: async () => loadDirectForm(render),
  });
}

/** Loads the code that reads a form's source only in the process that makes the form. */
async function loadForm<Params extends object>(
  render: (source: FormSource, params: Params & NameOfPicture) => Promise<Uint8Array>,
): Promise<RunTask<Params>> {
  const [{ readLabelMap }, { readPicture }] = await Promise.all([
    import('../labels/label-map.ts'),
    import('../read-picture.ts'),
  ]);
  return async ({ inputs: [mask, picture], params, limits, outputPath }) => {
    const source: FormSource = {
      labels: () => readLabelMap(pictureFile(mask).path),
      foreground: () => readLabelMap(pictureFile(mask).path),
      segments: async () => JSON.parse(await readFile(documentFile(mask), 'utf8')) as SegmentationResult,
      picture: () => readPicture(pictureFile(picture), (params as PageOfPicture).page ?? 0, limits),
    };
    return { content: await writeNewFile(outputPath, await render(source, params)), result: {} };
  };
}

/** The same for a form of a picture. */
async function loadDirectForm(
  render: (source: FormSource, params: DirectParams) => Promise<Uint8Array>,
): Promise<RunTask<DirectParams>> {
  const [{ readPicture }, { foregroundOf, labelPicture }] = await Promise.all([
    import('../read-picture.ts'),
    import('../segment.ts'),
  ]);
  return async ({ inputs: [file], params, limits, outputPath }) => {
    const { segmentation: how } = params;
    const picture = await readPicture(pictureFile(file), how.page, limits);
    const source: FormSource = {
      labels: () => labelPicture(picture, how),
      foreground: () => foregroundOf(picture, how),
      segments: () => Promise.reject(new Error('The segments are not measured.')),
      picture: async () => picture,
    };
    const bytes = await render(source, params);
    releaseArray(picture.data);
    return { content: await writeNewFile(outputPath, bytes), result: {} };
  };
}
