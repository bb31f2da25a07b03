import { Type } from '@sinclair/typebox';
import { count } from '../core/settings.ts';

export const databaseSettings = {
  DATABASE_URL: Type.Optional(
    Type.String({
      description:
        'PostgreSQL to use (`postgresql://…`; `postgresql+asyncpg://…` is understood). Without it an embedded server runs under DATA_DIR.',
    }),
  ),
  DATABASE_POOL_SIZE: count('Connections each process may hold to PostgreSQL.', 10, 2, 1000),
};
