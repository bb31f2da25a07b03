import { type OpenApiDocument, operationsOf, type Response, referredName } from './openapi-schemas.ts';

/** Where an answer has the id of what it made, and the operations that take that id. */
interface Next {
  /** JSON Pointer into the body. */
  id: string;
  operations: readonly string[];
}

const ofArtifact = (...operations: string[]) => [
  'getArtifact',
  'getArtifactContent',
  ...operations,
  'deleteArtifact',
];

/** By the schema of the answer. */
const NEXT: Readonly<Record<string, Next>> = {
  UploadResponse: {
    id: '/results/0/image/id',
    operations: [
      'getImage',
      'getImageContent',
      'updateImage',
      'resizeImage',
      'transformImage',
      'measureImageHistogram',
      'segmentImage',
      'listImageArtifacts',
      'deleteImage',
    ],
  },
  PictureArtifact: { id: '/id', operations: ofArtifact('transformArtifact', 'listArtifactArtifacts') },
  HistogramArtifact: { id: '/id', operations: ofArtifact('getPlot') },
  MaskArtifact: {
    id: '/id',
    operations: ofArtifact('getSegments', 'getSegmentsOverlay', 'getSegmentsCocoRle'),
  },
  FrameSetUpload: {
    id: '/id',
    operations: ['getFrameSet', 'getFrameSetContent', 'updateFrameSet', 'listFrames', 'deleteFrameSet'],
  },
  Job: {
    id: '/id',
    operations: ['getJob', 'listJobItems', 'getJobResults', 'getJobErrors', 'cancelJob', 'deleteJob'],
  },
  IssuedWorker: { id: '/id', operations: ['getWorker', 'deleteWorker'] },
  FramePage: { id: '/items/0/id', operations: ['getFrame', 'getFramePicture'] },
};

const JSON_TYPE = 'application/json';

/** Adds to each answer with an id what can be done next with it (OpenAPI's links). */
export function linkOperations(document: OpenApiDocument): void {
  const links: Record<string, object> = {};
  for (const { responses = {} } of operationsOf(document)) {
    for (const response of Object.values(responses)) {
      const name = schemaOf(response);
      const next = name === undefined ? undefined : NEXT[name];
      if (next === undefined) continue;
      response.links = {};
      for (const operationId of next.operations) {
        const key = `${name}.${operationId}`;
        links[key] = { operationId, parameters: { id: `$response.body#${next.id}` } };
        response.links[operationId] = { $ref: `#/components/links/${key}` };
      }
    }
  }
  document.components = { ...document.components, links };
}

/** The name of the schema of a JSON body. */
function schemaOf({ content }: Response): string | undefined {
  return referredName(content?.[JSON_TYPE]?.schema ?? {});
}
