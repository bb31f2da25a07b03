import type { FastifyInstance } from 'fastify';
import { createApp } from '../../../src/app.ts';
import type { Config } from '../../../src/config.ts';
import type { Services } from '../../../src/services.ts';
import { watchNewInstances } from './watch-answers.ts';

export interface WatchedApp {
  app: FastifyInstance;
  /** @throws Error naming every answer so far that the OpenAPI document does not describe */
  requireDocumentedAnswers(): void;
}

/** The application as `createApp` makes it; all its answers are compared with its OpenAPI document. */
export async function createWatchedApp(config: Config, services: Services): Promise<WatchedApp> {
  const differences = new Set<string>();
  const stopWatching = watchNewInstances((difference) => differences.add(difference));
  // The instance is created before the first pause, so no other one is watched.
  const creating = createApp(config, services);
  stopWatching();
  return {
    app: await creating,
    requireDocumentedAnswers() {
      if (differences.size === 0) return;
      throw new Error(`Answers that openapi.json does not describe:\n${[...differences].join('\n')}`);
    },
  };
}
