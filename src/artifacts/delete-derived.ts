import type { ClientBase } from 'pg';

/** Something that artifacts may have been made from. */
export type DerivationRoot = { imageId: string } | { artifactId: string };

/** The columns of an artifact that name blobs. */
export const NAMED_BLOBS = 'sha256, document_sha256';
export interface NamedBlobs {
  sha256: Buffer;
  document_sha256: Buffer | null;
}

export function blobsOf(rows: readonly NamedBlobs[]): Buffer[] {
  return rows.flatMap(({ sha256, document_sha256 }) =>
    document_sha256 === null ? [sha256] : [sha256, document_sha256],
  );
}

/**
 * Deletes every artifact that was made from the given image or artifact, directly or through other artifacts, within the
 * caller's transaction. The caller holds a lock on the root, so that nothing new is derived from it, and deletes it.
 *
 * @returns the SHA-256 of the deleted artifacts' bytes and documents, which may now be unreferenced
 */
export async function deleteDerivedFrom(transaction: ClientBase, root: DerivationRoot): Promise<Buffer[]> {
  const [column, id] =
    'imageId' in root ? ['image_id', root.imageId] : ['input_artifact_id', root.artifactId];
  let ids: string[] = [];
  let known: number;
  // Nothing is derived from a locked row. Rows derived while this waited for locks are found by the next query.
  do {
    known = ids.length;
    const { rows } = await transaction.query<{ id: string }>(
      `WITH RECURSIVE derived (id) AS (
         SELECT artifact_id FROM artifact_inputs WHERE ${column} = $1
         UNION
         SELECT i.artifact_id FROM artifact_inputs i JOIN derived d ON i.input_artifact_id = d.id
       )
       SELECT a.id FROM artifacts a JOIN derived USING (id) ORDER BY a.id FOR UPDATE OF a`,
      [id],
    );
    ids = rows.map((row) => row.id);
  } while (ids.length > known);
  if (ids.length === 0) return [];
  await transaction.query('DELETE FROM artifact_inputs WHERE artifact_id = ANY($1::uuid[])', [ids]);
  const { rows } = await transaction.query<NamedBlobs>(
    `DELETE FROM artifacts WHERE id = ANY($1::uuid[]) RETURNING ${NAMED_BLOBS}`,
    [ids],
  );
  return blobsOf(rows);
}
