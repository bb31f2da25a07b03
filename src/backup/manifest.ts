import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { BackupError } from './backup-error.ts';
import { writeDurably } from './folder.ts';

/** A name in the database. It is also part of a file's name, so it is restricted to characters that are safe there. */
const Name = Type.String({ pattern: '^[a-z_][a-z0-9_]{0,62}$' });
const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

const TableSchema = Type.Object(
  {
    name: Name,
    columns: Type.Array(Name, { minItems: 1, uniqueItems: true }),
    rows: Count,
    bytes: Count,
    /** Of the table's file, in hexadecimal. */
    sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
    /** The state of the sequences that give columns their values. A bigint does not fit into a number of JSON. */
    sequences: Type.Array(
      Type.Object(
        { column: Name, value: Type.String({ pattern: '^-?[0-9]{1,19}$' }), isCalled: Type.Boolean() },
        { additionalProperties: false },
      ),
    ),
  },
  { additionalProperties: false },
);

export const ManifestSchema = Type.Object(
  {
    format: Type.Literal(1),
    /** When the snapshot was taken, by the clock of the machine that wrote the backup. */
    time: Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$' }),
    /** The version of Coreframe that wrote it. */
    version: Type.String({ maxLength: 100 }),
    /** The last migration of the database. */
    migration: Type.String({ maxLength: 255 }),
    tables: Type.Array(TableSchema),
    blobs: Type.Object({ count: Count, bytes: Count }, { additionalProperties: false }),
  },
  { additionalProperties: false },
);

export type TableFile = Static<typeof TableSchema>;

/** What one backup consists of. */
export type Manifest = Static<typeof ManifestSchema>;

/** @param folder of the backup */
export function tablePath(folder: string, { name }: { name: string }): string {
  return path.join(folder, `${name}.copy`);
}

/** The line that `sha256sum --check` reads. */
function checksumLine(bytes: Buffer): string {
  return `${createHash('sha256').update(bytes).digest('hex')}  manifest.json\n`;
}

/** @param folder of the backup */
export async function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  const bytes = Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`);
  await writeDurably(path.join(folder, 'manifest.json'), (file) => file.writeFile(bytes));
  await writeDurably(path.join(folder, 'manifest.sha256'), (file) => file.writeFile(checksumLine(bytes)));
}

/**
 * Reads the manifest of a backup and checks it: its hash, and that its names are safe in paths.
 *
 * @param folder of the backup
 * @throws BackupError naming the file that is wrong
 */
export async function readManifest(folder: string): Promise<Manifest> {
  const file = path.join(folder, 'manifest.json');
  const bytes = await readOrThrow(file);
  const checksum = await readOrThrow(path.join(folder, 'manifest.sha256'));
  if (!checksum.equals(Buffer.from(checksumLine(bytes)))) {
    throw new BackupError(`${file} is damaged: its hash is not the one in manifest.sha256.`);
  }
  const manifest: unknown = parse(bytes);
  if (!Value.Check(ManifestSchema, manifest)) {
    const [fault] = Value.Errors(ManifestSchema, manifest);
    throw new BackupError(
      `${file} cannot be read by this version of Coreframe: ${fault?.path || '/'}: ${fault?.message}.`,
    );
  }
  return manifest;
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}

async function readOrThrow(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new BackupError(`${file} cannot be read: ${cause instanceof Error ? cause.message : cause}.`, {
      cause,
    });
  }
}
