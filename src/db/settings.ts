import { Type } from '@sinclair/typebox';
import { count } from '../core/settings.ts';

export const databaseSettings = {
  DATABASE_URL: Type.Optional(
    Type.String({
      description:
        'The PostgreSQL database to use (`postgresql://…` or `postgresql+asyncpg://…`). Without it, an embedded server runs with its data in DATA_DIR.',
    }),
  ),
  DATABASE_POOL_SIZE: count('Maximum connections of each process to PostgreSQL.', 10, 2, 1000),
};
