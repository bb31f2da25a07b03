import { AttemptTokens } from '../../auth/tokens/attempt-tokens.ts';
import type { KeyRing } from '../../auth/tokens/key-ring.ts';
import type { Database } from '../../db/database.ts';
import { PermitSender } from '../broker/permit-sender.ts';
import type { WorkerLog, WorkSignals } from '../queue/lane-worker.ts';
import { type ClaimOptions, Claims } from './claims.ts';
import { PermitRelay } from './permit-relay.ts';
import { Permits } from './permits.ts';
import { ResultStore, type ResultStoreOptions } from './result-store.ts';

/** A lease is renewed several times, so that its token need not be valid for much longer. */
const TOKEN_LIFE_IN_LEASES = 3;

export interface RemoteWorkOptions
  extends Omit<ClaimOptions, 'permits' | 'tokens' | 'operations'>,
    Omit<ResultStoreOptions, 'queue' | 'maker' | 'translate'> {
  /** The URL of RabbitMQ. */
  queueUrl: string;
  database: Database;
  keys: KeyRing;
  signals: Pick<WorkSignals, 'onWork'>;
  log: WorkerLog;
}

/** Opens what workers on other machines need: permits in RabbitMQ, claims, and the storing of results. */
export function openRemoteWork({ queueUrl, database, keys, signals, log, ...options }: RemoteWorkOptions) {
  const permits = new Permits(database, keys.permitKeys);
  const tokens = new AttemptTokens(keys, options.settings.JOB_LEASE_SECONDS * TOKEN_LIFE_IN_LEASES);
  const relay = new PermitRelay({ permits, signals, log, sender: new PermitSender(queueUrl, log) });
  return {
    tokens,
    claims: new Claims({ ...options, permits, tokens, operations: options.posted }),
    results: new ResultStore(options),
    isConnected: () => relay.isConnected,
    close: () => relay.close(),
  };
}
