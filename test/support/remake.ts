import type { OwnerId } from '../../src/auth/owner.ts';
import type { Services } from '../../src/services.ts';
import type { Artifact, NewArtifact } from '../../src/work/artifact.ts';
import type { StoredRef } from '../../src/work/inputs.ts';
import { Maker } from '../../src/work/make.ts';
import { type Work, workKey } from '../../src/work/work.ts';

interface Row {
  id: string;
  owner: OwnerId;
  key: Buffer;
  operation: string;
  version: number;
  parameters: object;
  inputs: StoredRef[] | null;
  sha256: Buffer;
  document_sha256: Buffer | null;
  result: object;
}

const ARTIFACTS = `
  SELECT a.id, a.owner_id AS owner, a.key, a.operation, a.version, a.parameters, a.sha256, a.document_sha256, a.result,
    (SELECT jsonb_agg(CASE WHEN i.image_id IS NULL THEN jsonb_build_object('type', 'artifact', 'id', i.input_artifact_id)
                           ELSE jsonb_build_object('type', 'image', 'id', i.image_id) END ORDER BY i.position)
     FROM artifact_inputs i WHERE i.artifact_id = a.id) AS inputs
  FROM artifacts a ORDER BY a.created_at`;

/**
 * Makes every stored artifact again from its operation, version, inputs and parameters alone.
 *
 * @returns how many there were, and what is not the same: the key, the bytes, the document or the result
 */
export async function remakeArtifacts(services: Services, config: { cacheBytes: number }) {
  const { rows } = await services.database.pool.query<Row>(ARTIFACTS);
  const differences: string[] = [];
  for (const row of rows) {
    const { operation, version, parameters, inputs } = row;
    const work: Work = { operation, version, inputs: inputs ?? [], params: parameters };
    const label = `${operation} ${JSON.stringify(parameters)}`;
    if (!workKey(work).equals(row.key)) differences.push(`${label}: another key`);
    const made = await makeAgain(services, config, row.owner, work);
    if (!made.file.sha256.equals(row.sha256)) differences.push(`${label}: other bytes`);
    const document = made.document?.sha256.toString('hex');
    if (document !== row.document_sha256?.toString('hex')) differences.push(`${label}: another document`);
    if (canonical(made.result) !== canonical(row.result)) differences.push(`${label}: another result`);
  }
  return { count: rows.length, differences };
}

const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );

/** A store that has nothing, so that all is made, and that keeps nothing. */
async function makeAgain(
  { operations, inputs, runner, diskCache, documentFolder, log }: Services,
  { cacheBytes }: { cacheBytes: number },
  owner: OwnerId,
  work: Work,
): Promise<NewArtifact> {
  let made: NewArtifact | undefined;
  const maker = new Maker({
    operations,
    inputs,
    runner,
    diskCache,
    documentFolder,
    cacheBytes,
    log,
    artifacts: {
      findByKey: async () => undefined,
      create: async (_owner, artifact) => {
        made = artifact;
        return { artifact: toArtifact(artifact), isNew: true };
      },
      keep: async () => true,
      noteUse: () => undefined,
      evictCached: async () => [],
    },
  });
  await maker.make(owner, work, { retention: 'kept', signal: new AbortController().signal });
  if (made === undefined) throw new Error('Nothing was made.');
  return made;
}

function toArtifact({ file, document, key: _key, ...artifact }: NewArtifact): Artifact {
  return {
    ...artifact,
    id: '00000000-0000-4000-8000-000000000000',
    sha256: file.sha256,
    size: file.size,
    document,
    createdAt: new Date(0),
    idleMs: 0,
  };
}
