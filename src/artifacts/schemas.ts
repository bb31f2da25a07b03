import { type Static, type TObject, type TProperties, type TSchema, Type } from '@sinclair/typebox';
import { PageOf, PageQuery } from '../core/cursor.ts';
import { ObjectWithDefaults, SchemaRef, StringEnum, TaggedUnion, Timestamp, Uuid } from '../core/schema.ts';
import { RETENTIONS } from '../work/artifact.ts';
import { ARTIFACT_KINDS, type ArtifactKind, type Operation } from '../work/operation.ts';

const id = '0b9f1f86-6f3c-4d4e-8f0e-3a3b6c1c2d11';
const imageId = '5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11';

const DESCRIPTIONS: Record<ArtifactKind, string> = {
  picture: 'A picture made from one or more others. Its content is the file.',
  histogram: 'Histograms of a picture. Its content is the `HistogramResult` as JSON.',
  mask: 'A segmentation of a picture. Its content is the label map; its segments are at `/artifacts/{id}/segments`.',
  form: 'A mask or a histogram shown in another way: an overlay, a COCO document, a plot. Its content is the file.',
};

const ArtifactInputSchema = Type.Object(
  { type: StringEnum(['image', 'artifact'], { description: 'The kind of input.' }), id: Uuid() },
  { $id: 'ArtifactInput', description: 'An image or artifact that an artifact was made from.' },
);

/** The fields of every artifact. */
const COMMON = {
  id: Uuid(),
  version: Type.Integer({ description: 'Version of the operation; it increases when results change.' }),
  inputs: Type.Array(SchemaRef(ArtifactInputSchema), {
    description:
      'What it was made from. The operation works on the first; the other inputs are, for example, a mask or an overlay.',
  }),
  filename: Type.String({ description: 'File name of the content.' }),
  media_type: Type.String({ description: 'Media type of the content.', examples: ['image/webp'] }),
  size: Type.Integer({ description: 'Size of the content in bytes.' }),
  sha256: Type.String({
    pattern: '^[0-9a-f]{64}$',
    description: 'SHA-256 of the content, hexadecimal.',
  }),
  retention: StringEnum(RETENTIONS, {
    description:
      '`kept`: stays until it is deleted. `cached`: made by a `GET`, may be evicted if it is not used.',
  }),
  created_at: Timestamp(),
  content_url: Type.String({
    format: 'uri-reference',
    description: 'Path of the content.',
    examples: [`/artifacts/${id}/content`],
  }),
};

/** An artifact as clients see it. `artifactSchemas` describes its parameters and result, by operation. */
export type ArtifactResponse = Static<TObject<typeof COMMON>> & {
  kind: string;
  operation: string;
  parameters: object;
  result: object;
};

/** The schemas of artifacts: of each kind, from the operation that stores it, and of all kinds together. */
export function artifactSchemas(operations: Iterable<Operation>): TSchema[] {
  const all = [...operations];
  const branches = ARTIFACT_KINDS.map((kind) => {
    const makers = all.filter(({ stores }) => stores === kind);
    if (kind === 'form') return formSchema(makers);
    const [maker, ...others] = makers;
    if (maker === undefined || others.length > 0)
      throw new Error(`Exactly one operation must make a ${kind}.`);
    return artifactSchema(kind, maker);
  });
  const any = TaggedUnion('kind', ARTIFACT_KINDS, branches, {
    $id: 'Artifact',
    description: 'The stored result of an operation, with its parameters and inputs.',
  });
  return [ArtifactInputSchema, ...branches, any, ArtifactPageSchema];
}

function artifactSchema(kind: ArtifactKind, { name, params, result }: Operation) {
  return kindSchema(kind, {
    operation: Type.Literal(name, { description: 'The operation that made it.' }),
    parameters: byName(params, 'With all defaults filled in.'),
    result: byName(result, 'What is known about it without reading its bytes.'),
    ...(kind === 'picture' ? { ignored: IGNORED } : {}),
  });
}

const IGNORED = Type.Optional(
  Type.Array(Type.String(), {
    description:
      'Only in the answer to a request with `strict: false`: the names of the parameters that were dropped.',
  }),
);

/** Forms have many operations with few parameters each. */
function formSchema(makers: readonly Operation[]) {
  const names = makers.map(({ name }) => name);
  return kindSchema('form', {
    operation: StringEnum(names, { description: 'The operation that made it.' }),
    parameters: Type.Object({}, { description: 'Those of its path, with all defaults filled in.' }),
    result: Type.Object({}, { additionalProperties: false, description: 'Always empty.' }),
  });
}

/** @param fields how it was made, and what is known about it */
function kindSchema(kind: ArtifactKind, fields: TProperties) {
  return Type.Object(
    { kind: Type.Literal(kind, { description: 'The kind of artifact.' }), ...fields, ...COMMON },
    {
      $id: `${kind.charAt(0).toUpperCase()}${kind.slice(1)}Artifact`,
      description: DESCRIPTIONS[kind],
      examples: kind === 'picture' ? [PICTURE_EXAMPLE] : [],
    },
  );
}

function byName({ $id }: TSchema, description: string): TSchema {
  if ($id === undefined) throw new Error('A schema that artifacts show must have a name.');
  return Type.Ref($id, { description });
}

const PICTURE_EXAMPLE = {
  id,
  kind: 'picture',
  operation: 'transform',
  version: 3,
  parameters: {
    input: { auto_orient: true },
    operations: [{ op: 'resize', width: 800 }],
    output: { format: 'jpeg', quality: 80 },
  },
  inputs: [{ type: 'image', id: imageId }],
  filename: 'photo.jpg',
  media_type: 'image/jpeg',
  size: 97431,
  sha256: '1f0c2b7a9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a',
  result: { format: 'jpeg', width: 800, height: 653, channels: 3, has_alpha: false, pages: 1 },
  retention: 'kept',
  created_at: '2026-11-20T09:31:00.000Z',
  content_url: `/artifacts/${id}/content`,
};

const ArtifactPageSchema = PageOf('Artifact', 'A page of artifacts.');

/** The parameters of lists of artifacts. */
export function artifactListQuery(operations: Iterable<Operation>) {
  const makers = [...operations].filter(({ stores }) => stores !== null);
  return ObjectWithDefaults({
    ...PageQuery,
    kind: Type.Optional(StringEnum(ARTIFACT_KINDS, { description: 'Only artifacts of this kind.' })),
    operation: Type.Optional(
      StringEnum(
        makers.map(({ name }) => name),
        { description: 'Only artifacts that this operation has made.' },
      ),
    ),
    retention: Type.Optional(
      StringEnum(RETENTIONS, { description: 'Only artifacts that are kept like this.' }),
    ),
    created_after: Type.Optional(Timestamp({ description: 'Only artifacts made at or after this time.' })),
    created_before: Type.Optional(Timestamp({ description: 'Only artifacts made before this time.' })),
  });
}
export type ArtifactListQuery = Static<ReturnType<typeof artifactListQuery>>;
