import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import { SchemaEngine } from '@prisma/schema-engine-wasm';

/** Whether the SQL does nothing. */
export function isEmptyDiff(sql: string): boolean {
  return sql.split('\n').every((line) => line.trim() === '' || line.startsWith('--'));
}

/**
 * The SQL that turns a database of one Prisma schema into one of another; empty text stands for no schema. Prisma's own
 * engine computes it, compiled to WebAssembly: `prisma migrate diff` needs a binary that is downloaded when first used.
 *
 * @param databaseUrl any PostgreSQL server; the engine asks it for its version and leaves it as it is
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
