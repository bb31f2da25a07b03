import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import { SchemaEngine } from '@prisma/schema-engine-wasm';

/** Whether the SQL does nothing. */
export function isEmptyDiff(sql: string): boolean {
  return sql.split('\n').every((line) => line.trim() === '' || line.startsWith('--'));
}

/**
 * The SQL that migrates a database from one Prisma schema to another; an empty text is an empty schema. It is computed by
 * Prisma's engine in WebAssembly, because `prisma migrate diff` downloads a binary on first use.
 *
 * @param databaseUrl any PostgreSQL server; the engine only asks for its version
 */
export async function diffSchemas(from: string, to: string, databaseUrl: string): Promise<string> {
  const target = (content: string) =>
    content === ''
      ? { tag: 'empty' as const }
      : { tag: 'schemaDatamodel' as const, files: [{ path: 'schema.prisma', content }] };
  const engine = await SchemaEngine.new(
    { datamodels: [['schema.prisma', to]] },
    () => undefined,
    bindMigrationAwareSqlAdapterFactory(new PrismaPg({ connectionString: databaseUrl })),
  );
  try {
    const { stdout } = await engine.diff({
      from: target(from),
      to: target(to),
      script: true,
      exitCode: null,
      filters: { externalTables: [], externalEnums: [] },
    });
    return stdout?.trim() ?? '';
  } finally {
    engine.free();
  }
}
