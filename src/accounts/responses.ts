import type { ApiKey } from '../auth/accounts/api-keys.ts';
import type { Session } from '../auth/accounts/sessions.ts';
import type { User } from '../auth/accounts/users.ts';
import type { Worker } from '../auth/accounts/workers.ts';
import type { AuditEvent } from '../db/generated/client.ts';

export function toUserResponse({
  disabledAt,
  storageQuotaBytes,
  storedBytes,
  createdAt,
  updatedAt,
  ...user
}: User) {
  return {
    ...user,
    disabled: disabledAt !== null,
    storage_quota_bytes: storageQuotaBytes,
    stored_bytes: storedBytes,
    created_at: createdAt.toISOString(),
    updated_at: updatedAt.toISOString(),
  };
}

export function toSessionResponse(
  { id, client, scopes, createdAt, rotatedAt, expiresAt }: Session,
  current: boolean,
) {
  return {
    id,
    client,
    scopes,
    current,
    created_at: createdAt.toISOString(),
    last_used_at: rotatedAt.toISOString(),
    expires_at: expiresAt.toISOString(),
  };
}

export function toApiKeyResponse({
  usedScopes,
  madeByKeyId,
  createdAt,
  expiresAt,
  lastUsedAt,
  ...key
}: ApiKey) {
  return {
    ...key,
    used_scopes: usedScopes,
    made_by_key_id: madeByKeyId,
    created_at: createdAt.toISOString(),
    expires_at: expiresAt?.toISOString() ?? null,
    last_used_at: lastUsedAt?.toISOString() ?? null,
  };
}

export function toWorkerResponse({ createdAt, lastUsedAt, ...worker }: Worker) {
  return {
    ...worker,
    created_at: createdAt.toISOString(),
    last_used_at: lastUsedAt?.toISOString() ?? null,
  };
}

export function toAuditEventResponse({ actorId, userId, requestId, createdAt, ...event }: AuditEvent) {
  return {
    ...event,
    actor_id: actorId,
    user_id: userId,
    request_id: requestId,
    created_at: createdAt.toISOString(),
  };
}
