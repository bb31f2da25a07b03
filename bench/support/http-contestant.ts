import type { LoadRequest } from './load.ts';
import type { BenchServer } from './server.ts';
import type { LoadClient } from './stage.ts';
import type { Contestant } from './types.ts';

export interface HttpContestantOptions {
  server: Pick<BenchServer, 'port' | 'cpu'>;
  client: LoadClient;
  /** All different, so that no answer is already stored. */
  requests: Iterator<LoadRequest, never>;
  inFlight: number;
  /** Expected of every answer. */
  status: number;
}

/** A side over HTTP, with requests from another process. */
export function httpContestant(options: HttpContestantOptions): Contestant {
  const { server, client, requests, inFlight, status } = options;
  return {
    async run(count) {
      const load = Array.from({ length: count }, () => requests.next().value);
      const result = await client.call({ port: server.port, requests: load, count, inFlight });
      if (result.statuses[status] !== count) {
        throw new Error(`Not every answer was ${status}: ${JSON.stringify(result.statuses)}`);
      }
      return result.seconds;
    },
    cpu: server.cpu,
  };
}
