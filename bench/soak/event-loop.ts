import { faultyBodies, faultyQueries, type OpenApiDocument } from '../../test/support/faulty-requests.ts';
import { eventLoopDelay } from '../support/server.ts';
import { onStage } from '../support/stage.ts';
import type { Soak } from '../support/types.ts';

const IN_FLIGHT = 4;
const MAX_P99_MS = 50;
const MAX_LONGEST_MS = 200;

/**
 * Sends every endpoint the largest faulty bodies and queries that the server accepts, 4 at once. The figures are how late a
 * timer of 10 ms in the API process comes meanwhile.
 */
export const soak: Soak = () =>
  onStage(async (stage) => {
    const server = await stage.startServer();
    const client = await stage.startLoadClient();
    const response = await fetch(`${server.url}/openapi.json`);
    const document = (await response.json()) as OpenApiDocument;
    const figures: Record<string, number> = {};
    const failures: string[] = [];
    // Reading /metrics starts a new measurement.
    delete document.paths['/metrics'];
    const kinds = { bodies: [...faultyBodies(document)], queries: [...faultyQueries(document)] };
    for (const [kind, faulty] of Object.entries(kinds)) {
      const requests = faulty.map(({ method, url, payload }) => ({
        method,
        path: url,
        ...(payload && { headers: { 'content-type': 'application/json' }, body: payload }),
      }));
      await eventLoopDelay(server);
      const load = { port: server.port, requests, count: requests.length, inFlight: IN_FLIGHT };
      const { seconds, statuses } = await client.call(load);
      const { p99, longest } = await eventLoopDelay(server);
      const ms = { p99: Math.round(p99 * 1000), longest: Math.round(longest * 1000) };
      console.log(
        `${requests.length} ${kind} in ${seconds.toFixed(1)} s: event loop p99 ${ms.p99} ms, longest ${ms.longest} ms; ` +
          `answers ${JSON.stringify(statuses)}`,
      );
      figures[`${kind}_p99_ms`] = ms.p99;
      figures[`${kind}_longest_ms`] = ms.longest;
      if (ms.p99 >= MAX_P99_MS) failures.push(`${kind}: p99 is ${ms.p99} ms, not under ${MAX_P99_MS}.`);
      if (ms.longest >= MAX_LONGEST_MS)
        failures.push(`${kind}: the longest delay is ${ms.longest} ms, not under ${MAX_LONGEST_MS}.`);
      for (const status of Object.keys(statuses))
        if (Number(status) >= 500) failures.push(`${kind}: answers of ${status}.`);
    }
    return { figures, failures };
  });
