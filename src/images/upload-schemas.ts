import { type Static, Type } from '@sinclair/typebox';
import { StringEnum } from '../core/schema.ts';
import { PROBLEM_EXAMPLES, type Problem, ProblemSchema } from '../http/problems/problems.ts';
import { type ImageResponse, ImageSchema } from './schemas.ts';

const UploadResultSchema = Type.Object(
  {
    status: StringEnum(['created', 'existing', 'failed'], {
      description:
        '`created`: stored now. `existing`: these bytes were there already. `failed`: `problem` says why.',
    }),
    filename: Type.String({ description: 'As it was sent.' }),
    image: Type.Optional(Type.Ref('Image')),
    problem: Type.Optional(Type.Ref('Problem')),
  },
  { $id: 'UploadResult', description: 'What became of one file.' },
);

const UploadResponseSchema = Type.Object(
  {
    results: Type.Array(Type.Ref('UploadResult'), {
      description: 'One for each file, in the order of the request.',
    }),
  },
  {
    $id: 'UploadResponse',
    description: 'What became of each file of an upload.',
    examples: [
      {
        results: [
          { status: 'created', filename: 'photo.jpg', image: ImageSchema.examples[0] },
          {
            status: 'failed',
            filename: 'notes.txt',
            problem: PROBLEM_EXAMPLES.unsupported_image_format?.value,
          },
        ],
      },
    ],
  },
);

const UploadProblemSchema = Type.Object(
  {
    ...ProblemSchema.properties,
    results: Type.Optional(
      Type.Array(Type.Ref('UploadResult'), {
        description: 'One for each file, where the body itself was in order.',
      }),
    ),
  },
  { $id: 'UploadProblem', description: 'Why an upload created nothing.' },
);

/** What the multipart body of an upload holds, for the document: the body itself is read as a stream. */
export const UploadFormSchema = Type.Object({
  files: Type.Array(
    Type.Unsafe<unknown>({ type: 'string', format: 'binary', contentMediaType: 'application/octet-stream' }),
    {
      description: 'One or many picture files: JPEG, PNG, WebP, GIF, TIFF or AVIF, told by their bytes.',
      minItems: 1,
    },
  ),
});

export type UploadResult = Omit<Static<typeof UploadResultSchema>, 'image' | 'problem'> & {
  image?: ImageResponse;
  problem?: Problem;
};

/** The schemas that have names, for `addSchema`. */
export const UPLOAD_SCHEMAS = [UploadResultSchema, UploadResponseSchema, UploadProblemSchema];
