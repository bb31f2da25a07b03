import { randomUUID } from 'node:crypto';
import { decodeTimeCursor, type Page, toTimePage } from '../../core/cursor.ts';
import type { Database } from '../../db/database.ts';
import type { AuditEvent } from '../../db/generated/client.ts';
import type { Principal } from '../principal.ts';

export const AUDIT_ACTIONS = [
  'acted_for_user',
  'created_user',
  'updated_user',
  'deleted_user',
  'created_api_key',
  'rotated_api_key',
  'changed_api_key',
  'deleted_api_key',
  'changed_password',
  'created_worker',
  'deleted_worker',
] as const;

export type AuditAction = (typeof AUDIT_ACTIONS)[number];

/** The fields of a request that an audit event keeps. */
interface RequestFacts {
  id: string;
  ip: string;
  method: string;
  url: string;
}

export interface AuditQuery {
  limit: number;
  cursor?: string;
  user_id?: string;
  action?: AuditAction;
}

/** Who did what to accounts, or for another user. Events hold no secrets and outlive what they are about. */
export class AuditLog {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** @param userId the user that it was done to, or for */
  async record(
    action: AuditAction,
    { id: actorId }: Principal,
    userId: string,
    { id: requestId, ip: address, method, url }: RequestFacts,
    details: Record<string, string> = {},
  ): Promise<void> {
    const [path = ''] = url.split('?', 1);
    await this.#database.prisma.auditEvent.create({
      data: {
        id: randomUUID(),
        actorId,
        userId,
        action,
        address,
        requestId,
        details: { method, path: path.slice(0, 500), ...details },
      },
    });
  }

  /** Events, newest first. */
  async list({ limit, cursor, user_id: userId, action }: AuditQuery): Promise<Page<AuditEvent>> {
    const [time, last] = decodeTimeCursor(cursor);
    const events = await this.#database.prisma.auditEvent.findMany({
      where: {
        ...(action === undefined ? {} : { action }),
        AND: [
          userId === undefined ? {} : { OR: [{ actorId: userId }, { userId }] },
          time === null ? {} : { OR: [{ createdAt: { lt: time } }, { createdAt: time, id: { lt: last } }] },
        ],
      },
      orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
      take: limit + 1,
    });
    return toTimePage(events, limit);
  }
}
