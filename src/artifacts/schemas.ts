import { type Static, Type } from '@sinclair/typebox';
import { PageOf, PageQuery } from '../http/pagination.ts';
import { ObjectWithDefaults, StringEnum, Timestamp, Uuid } from '../schema.ts';

const id = '0b9f1f86-6f3c-4d4e-8f0e-3a3b6c1c2d11';
const imageId = '5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11';

export const ARTIFACT_KINDS = ['picture', 'histogram', 'mask'] as const;

export const ArtifactSchema = Type.Object(
  {
    id: Uuid(),
    kind: StringEnum(ARTIFACT_KINDS, { description: 'What it is.' }),
    operation: Type.String({ description: 'What made it.', examples: ['transform'] }),
    version: Type.Integer({ description: 'Version of the operation; raised when its results change.' }),
    parameters: Type.Unsafe<unknown>({
      type: 'object',
      additionalProperties: true,
      description: 'With every default filled in.',
    }),
    inputs: Type.Array(
      Type.Object(
        { type: StringEnum(['image', 'artifact']), id: Uuid() },
        { description: 'An image or an artifact.' },
      ),
      { description: 'What it was made from; the first is the picture that was worked on.' },
    ),
    filename: Type.String(),
    media_type: Type.String({ examples: ['image/webp'] }),
    size: Type.Integer({ description: 'Bytes.' }),
    sha256: Type.String({ pattern: '^[0-9a-f]{64}$', description: 'SHA-256 of the bytes, hexadecimal.' }),
    result: Type.Unsafe<unknown>({
      type: 'object',
      additionalProperties: true,
      description:
        'What is known of the result; of a picture: `format`, `width`, `height`, `channels`, `has_alpha`, `pages`.',
    }),
    retention: StringEnum(['kept', 'cached'], {
      description:
        '`kept` until it is deleted. `cached`: made by a `GET`, may be evicted when it is not used.',
    }),
    created_at: Timestamp(),
    content_url: Type.String({ format: 'uri-reference', examples: [`/artifacts/${id}/content`] }),
  },
  {
    $id: 'Artifact',
    description: 'Something derived: by one operation, with its parameters, from its inputs.',
    examples: [
      {
        id,
        kind: 'picture',
        operation: 'transform',
        version: 1,
        parameters: { operations: [{ op: 'resize', width: 800 }], output: { format: 'jpeg', quality: 80 } },
        inputs: [{ type: 'image', id: imageId }],
        filename: 'photo.jpg',
        media_type: 'image/jpeg',
        size: 97431,
        sha256: '1f0c2b7a9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a',
        result: { format: 'jpeg', width: 800, height: 653, channels: 3, has_alpha: false, pages: 1 },
        retention: 'kept',
        created_at: '2026-11-20T09:31:00.000Z',
        content_url: `/artifacts/${id}/content`,
      },
    ],
  },
);

export const ArtifactPageSchema = PageOf('Artifact', 'A page of artifacts.');

export const ArtifactListQuerySchema = ObjectWithDefaults({
  ...PageQuery,
  kind: Type.Optional(StringEnum(ARTIFACT_KINDS, { description: 'Only artifacts of this kind.' })),
});

export type ArtifactResponse = Static<typeof ArtifactSchema>;

/** The schemas of this slice that have names, for `addSchema`. */
export const ARTIFACT_SCHEMAS = [ArtifactSchema, ArtifactPageSchema];
