import type { Worker } from './child.ts';
import type { Load, LoadRequest, LoadResult } from './load.ts';
import type { BenchServer } from './server.ts';
import type { Contestant } from './types.ts';

export interface HttpContestantOptions {
  server: BenchServer;
  client: Worker<Load, LoadResult>;
  /** Requests that were never sent before, so that nothing can be answered from what is stored. */
  requests: Iterator<LoadRequest, never>;
  inFlight: number;
  /** That every answer must have. */
  status: number;
}

/** Our side, asked over HTTP by a process of its own. */
export function httpContestant(options: HttpContestantOptions): Contestant {
  const { server, client, requests, inFlight, status } = options;
  return {
    async run(count) {
      const load = Array.from({ length: count }, () => requests.next().value);
      const result = await client.call({ port: server.port, requests: load, count, inFlight });
      if (result.statuses[status] !== count) {
        throw new Error(`Not all were answered with ${status}: ${JSON.stringify(result.statuses)}`);
      }
      return result.seconds;
    },
    cpu: server.cpu,
  };
}
