import { Type } from '@sinclair/typebox';
import { count } from '../core/settings.ts';

export const databaseSettings = {
  DATABASE_URL: Type.Optional(
    Type.String({
      description:
        'URL of a PostgreSQL database (`postgresql://…` or `postgresql+asyncpg://…`). If it is not set, an embedded server runs with its data in DATA_DIR.',
    }),
  ),
  DATABASE_POOL_SIZE: count('Maximum number of connections from each process to PostgreSQL.', 10, 2, 1000),
};
