import type { Artifact } from '../work/artifact.ts';
import type { ArtifactResponse } from './schemas.ts';

/** An artifact as clients see it. */
export function toArtifactResponse(artifact: Artifact): ArtifactResponse {
  return {
    id: artifact.id,
    kind: artifact.kind,
    operation: artifact.operation,
    version: artifact.version,
    parameters: artifact.parameters,
    inputs: artifact.inputs.map(({ type, id }) => ({ type, id })),
    filename: artifact.filename,
    media_type: artifact.mediaType,
    size: artifact.size,
    sha256: artifact.sha256.toString('hex'),
    result: artifact.result,
    retention: artifact.retention,
    created_at: artifact.createdAt.toISOString(),
    content_url: `/artifacts/${artifact.id}/content`,
  };
}
