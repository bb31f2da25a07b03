import { AsyncLocalStorage } from 'node:async_hooks';

const clients = new AsyncLocalStorage<string>();

/** Runs code on behalf of a client. Everything that it starts takes its places in queues as this client. */
export function actAs<T>(client: string, code: () => T): T {
  return clients.run(client, code);
}

/** The client on whose behalf the current code runs; empty for the service itself. */
export function currentClient(): string {
  return clients.getStore() ?? '';
}
