import { type Static, Type } from '@sinclair/typebox';
import { FileUpload, SchemaRef, StringEnum } from '../core/schema.ts';
import { PROBLEM_EXAMPLES, type Problem, ProblemSchema } from '../http/problems/problems.ts';
import { ImageSchema } from './schemas.ts';

const UploadResultSchema = Type.Object(
  {
    status: StringEnum(['created', 'existing', 'failed'], {
      description:
        '`created`: stored now. `existing`: the same bytes were already stored. `failed`: `problem` says why.',
    }),
    filename: Type.String({ description: 'As the client sent it.' }),
    image: Type.Optional(SchemaRef(ImageSchema)),
    problem: Type.Optional(Type.Unsafe<Problem>(Type.Ref('Problem'))),
  },
  { $id: 'UploadResult', description: 'The outcome for one file.' },
);

const UploadResponseSchema = Type.Object(
  {
    results: Type.Array(Type.Ref('UploadResult'), {
      description: 'One result per file, in the order of the request.',
    }),
  },
  {
    $id: 'UploadResponse',
    description: 'The outcome for each file of an upload.',
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
        description: 'One result per file, if the body itself was valid.',
      }),
    ),
  },
  { $id: 'UploadProblem', description: 'Why all files of an upload failed.' },
);

/** The multipart body of an upload, for the document only: the body itself is read as a stream. */
export const UploadFormSchema = Type.Object(
  {
    files: Type.Array(
      FileUpload(),
      // No minItems, with which generated Go does not compile.
      {
        description:
          'One or more image files: JPEG, PNG, WebP, GIF, TIFF or AVIF, detected from their content.',
      },
    ),
  },
  { additionalProperties: false },
);

export type UploadResult = Static<typeof UploadResultSchema>;

/** The named schemas, for `addSchema`. */
export const UPLOAD_SCHEMAS = [UploadResultSchema, UploadResponseSchema, UploadProblemSchema];
