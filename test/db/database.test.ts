import t from 'tap';
import { createTestDatabase } from '../support/database.ts';

t.test('x', async (t) => {
  const db = await (await createTestDatabase(t)).open();
  t.same(await db.prisma.user.findMany({ select: { name: true } }), [{ name: 'local' }]);
  t.ok(await db.isReachable());
});
