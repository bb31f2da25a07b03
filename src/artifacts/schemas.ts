import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { PageOf, PageQuery } from '../core/cursor.ts';
import { ObjectWithDefaults, StringEnum, TaggedUnion, Timestamp, Uuid } from '../core/schema.ts';
import type { Operation } from '../work/operation.ts';

const id = '0b9f1f86-6f3c-4d4e-8f0e-3a3b6c1c2d11';
const imageId = '5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11';

const ARTIFACT_KINDS = ['picture', 'histogram', 'mask'] as const;
type ArtifactKind = (typeof ARTIFACT_KINDS)[number];

const DESCRIPTIONS: Record<ArtifactKind, string> = {
  picture: 'A picture that was derived from others; its content is the file.',
  histogram: 'Histograms of a picture; its content is the `HistogramResult` as JSON.',
  mask: 'A segmentation of a picture; its content is the label map, its segments are at `/artifacts/{id}/segments`.',
};

const ArtifactInputSchema = Type.Object(
  { type: StringEnum(['image', 'artifact'], { description: 'What it is.' }), id: Uuid() },
  { $id: 'ArtifactInput', description: 'An image or an artifact that something was made from.' },
);

/** What every artifact has, whatever made it. */
const COMMON = {
  id: Uuid(),
  version: Type.Integer({ description: 'Version of the operation; raised when its results change.' }),
  inputs: Type.Array(Type.Ref('ArtifactInput'), {
    description: 'What it was made from; the first is what was worked on.',
  }),
  filename: Type.String({ description: 'Name of the file.' }),
  media_type: Type.String({ description: 'Media type of the content.', examples: ['image/webp'] }),
  size: Type.Integer({ description: 'Bytes of the content.' }),
  sha256: Type.String({
    pattern: '^[0-9a-f]{64}$',
    description: 'SHA-256 of the content, hexadecimal.',
  }),
  retention: StringEnum(['kept', 'cached'], {
    description: '`kept` until it is deleted. `cached`: made by a `GET`, may be evicted when it is not used.',
  }),
  created_at: Timestamp(),
  content_url: Type.String({
    format: 'uri-reference',
    description: 'Where the content is.',
    examples: [`/artifacts/${id}/content`],
  }),
};

/** An artifact as clients see it. Parameters and result are those of its operation, as `artifactSchemas` describes them. */
export interface ArtifactResponse {
  id: string;
  kind: string;
  operation: string;
  version: number;
  parameters: object;
  inputs: Static<typeof ArtifactInputSchema>[];
  filename: string;
  media_type: string;
  size: number;
  sha256: string;
  result: object;
  retention: 'kept' | 'cached';
  created_at: string;
  content_url: string;
}

/** The schema of each kind of artifact, from the operations that store it, and of any. */
export function artifactSchemas(operations: Iterable<Operation>): TSchema[] {
  const all = [...operations];
  const branches = ARTIFACT_KINDS.map((kind) => {
    const makers = all.filter(({ stores }) => stores === kind);
    const [maker, ...others] = makers;
    if (maker === undefined || others.length > 0) throw new Error(`One operation makes a ${kind}.`);
    return artifactSchema(kind, maker);
  });
  const any = TaggedUnion('kind', ARTIFACT_KINDS, branches, {
    $id: 'Artifact',
    description: 'Something derived: by one operation, with its parameters, from its inputs.',
  });
  return [ArtifactInputSchema, ...branches, any, ArtifactPageSchema];
}

function artifactSchema(kind: ArtifactKind, { name, params, result }: Operation) {
  return Type.Object(
    {
      kind: Type.Literal(kind, { description: 'What it is.' }),
      operation: Type.Literal(name, { description: 'What made it.' }),
      parameters: byName(params, 'With every default filled in.'),
      result: byName(result, 'What is known of it without its bytes.'),
      ...COMMON,
    },
    {
      $id: `${kind.charAt(0).toUpperCase()}${kind.slice(1)}Artifact`,
      description: DESCRIPTIONS[kind],
      examples: kind === 'picture' ? [PICTURE_EXAMPLE] : [],
    },
  );
}

/** Schemas of operations that artifacts show have names. */
function byName({ $id }: TSchema, description: string): TSchema {
  if ($id === undefined) throw new Error('A schema that artifacts show has a name.');
  return Type.Ref($id, { description });
}

const PICTURE_EXAMPLE = {
  id,
  kind: 'picture',
  operation: 'transform',
  version: 2,
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

export const ArtifactListQuerySchema = ObjectWithDefaults({
  ...PageQuery,
  kind: Type.Optional(StringEnum(ARTIFACT_KINDS, { description: 'Only artifacts of this kind.' })),
});
