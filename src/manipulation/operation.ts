import { stemOf } from '../core/filename.ts';
import { bytesContent } from '../core/schema.ts';
import { FORMATS } from '../pictures/formats.ts';
import { PictureResultSchema } from '../pictures/metadata.ts';
import type { NamedInput } from '../work/operation.ts';
import { defineOperation } from '../work/operation.ts';
import { type BytesAnswer, type OperationRoute, plainForm } from '../work/routes.ts';
import { pipelineCost } from './cost.ts';
import { QUERY_EXAMPLES, SINGLE_OPERATION_EXAMPLES, TRANSFORM_EXAMPLES } from './examples.ts';
import { pointerAt, type Reference, referenceKey } from './operations/operation.ts';
import { OPERATIONS } from './operations/registry.ts';
import {
  canonicalizePipeline,
  PIPELINE_SCHEMAS,
  PIPELINE_VERSION,
  type Pipeline,
  type PipelineRequest,
  PipelineSchema,
  pipelineReferences,
} from './pipeline.ts';
import { singleOperationForm } from './single-operation-form.ts';

declare module '../work/operation.ts' {
  interface Operations {
    transform: typeof transform;
  }
}

const tag = 'manipulation';

const headers = {
  'x-ignored-parameters': {
    type: 'string',
    description: 'With `strict=false`: the names of the parameters that were dropped, separated by commas.',
  },
};

const PICTURE: BytesAnswer = {
  description: 'The picture, in the format that `format` asks for.',
  content: bytesContent(...Object.values(FORMATS).map(({ mediaType }) => mediaType)),
  headers,
};

const SINGLE_OPERATION_ROUTES = [
  {
    name: 'resize',
    verb: 'Resize',
    done: 'Resized',
    does: 'Resizes the picture to a width, a height or both, as `fit` says',
  },
  {
    name: 'crop',
    verb: 'Crop',
    done: 'Cropped',
    does: 'Crops the picture to a box, to an aspect ratio, or to its most eye-catching part',
  },
  {
    name: 'convert',
    verb: 'Convert',
    done: 'Converted',
    does: 'Converts the picture to another format, or encodes it with other options',
  },
] as const;

function singleOperationRoute({
  name,
  verb,
  done,
  does,
}: (typeof SINGLE_OPERATION_ROUTES)[number]): OperationRoute {
  const form = singleOperationForm(name);
  return {
    path: name,
    tag,
    post: {
      answers: 'artifact',
      headers,
      operationId: (of) => `${name}${of}`,
      summary: (of) => `${verb} an ${of}`,
      description: `${does}, and stores the result as an artifact. It is the same artifact that a transform with only this operation makes.`,
      form,
      examples: SINGLE_OPERATION_EXAMPLES[name],
    },
    get: {
      operationId: (of) => `get${done}${of}`,
      summary: (of) => `${done} picture of an ${of}`,
      description: `${does}, and returns the picture. \`Content-Location\` is the path of its artifact, which may be evicted when it has not been used for some time.`,
      form,
      example: QUERY_EXAMPLES[name],
      part: 'content',
      bytes: PICTURE,
    },
  };
}

const PIPELINE_FORM = plainForm(PipelineSchema);

/** Makes a picture from another one by a pipeline of operations on pixels. */
export const transform = defineOperation({
  name: 'transform',
  version: PIPELINE_VERSION,
  params: PipelineSchema,
  result: PictureResultSchema,
  subject: 'picture',
  inputs: (pipeline) => namedPictures(pipeline as Pipeline),
  canonicalize: (given, { subject, accepts, ignore }) => {
    if (subject.format === null) throw new Error('A pipeline starts from a picture.');
    // It fits the schema, which TypeScript cannot see.
    return canonicalizePipeline(given as PipelineRequest, { inputFormat: subject.format, accepts, ignore });
  },
  stores: 'picture',
  makes: ({ filename }, pipeline) => {
    const { mediaType, extensions } = FORMATS[(pipeline as Pipeline).output.format];
    return { filename: `${stemOf(filename)}.${extensions[0]}`, mediaType };
  },
  routes: [
    ...SINGLE_OPERATION_ROUTES.map(singleOperationRoute),
    {
      path: 'transform',
      tag,
      post: {
        answers: 'artifact',
        headers,
        operationId: (of) => `transform${of}`,
        summary: (of) => `Apply several operations to an ${of}`,
        description:
          'Carries out the operations in exactly the given order, encodes the result as `output` says, and stores it as an artifact.',
        form: PIPELINE_FORM,
        examples: TRANSFORM_EXAMPLES,
      },
    },
    {
      path: 'render',
      tag,
      post: {
        answers: 'bytes',
        operationId: (of) => `render${of}`,
        summary: (of) => `Render several operations on an ${of}`,
        description:
          'Takes the same body as a transform and returns the picture itself. `Content-Location` is the path of its artifact, which may be evicted when it has not been used for some time.',
        form: PIPELINE_FORM,
        examples: TRANSFORM_EXAMPLES,
        bytes: PICTURE,
      },
    },
  ],
  cost: pipelineCost,
  label: (pipeline) => labelOf((pipeline as Pipeline).operations),
  async load() {
    const { runTransform } = await import('./run-pipeline.ts');
    return runTransform;
  },
});

/** The other pictures, each once, with the first parameter that names it. */
function namedPictures(pipeline: Pipeline): NamedInput[] {
  return pipelineReferences(pipeline).map((reference) => {
    const key = referenceKey(reference);
    const index = pipeline.operations.findIndex((step) =>
      OPERATIONS[step.op].inputs(step).some((item) => referenceKey(item) === key),
    );
    return { ref: toStoredRef(reference), path: pointerAt(index)('overlay'), kind: 'picture' };
  });
}

function toStoredRef(reference: Reference): NamedInput['ref'] {
  return 'image_id' in reference
    ? { type: 'image', id: reference.image_id }
    : { type: 'artifact', id: reference.artifact_id };
}

/** One operation by its name, several as `pipeline`. */
function labelOf([first, ...others]: Pipeline['operations']): string {
  if (first === undefined) return 'convert';
  return others.length === 0 ? first.op : 'pipeline';
}

/** The named schemas of this folder, for `addSchema`. */
export const MANIPULATION_SCHEMAS = [
  ...PIPELINE_SCHEMAS,
  PictureResultSchema,
  ...transform.routes.flatMap(({ post }) => (post && post.form !== PIPELINE_FORM ? [post.form.schema] : [])),
];
