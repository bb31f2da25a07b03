import { createMetrics } from '../../src/http/operators/metrics.ts';
import { code, GENERATED, table } from './markdown.ts';

const PREFIX = 'coreframe_';

/** A metric as prom-client keeps it; its type does not show the labels. */
interface Described {
  name: string;
  help: string;
  labelNames: readonly string[];
}

/** `docs/metrics.md`: every metric of the service's own. */
export function metricsPage(): string {
  const { registry } = createMetrics({
    queues: {},
    imageProcessRestarts: () => 0,
    caches: {},
    database: {
      connections: () => ({ active: 0, idle: 0, waiting: 0 }),
      tableBytes: async () => undefined,
    },
    jobs: {
      work: async () => undefined,
      workers: () => [],
      expiredLeases: () => 0,
      isQueueConnected: () => undefined,
    },
  });
  const rows = registry
    .getMetricsAsArray()
    .filter(({ name }) => name.startsWith(PREFIX))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((metric) => {
      const { name, help, labelNames } = metric as unknown as Described;
      return [code(name), metric.constructor.name.toLowerCase(), labelNames.map(code).join(', '), help];
    });
  return `# Metrics

${GENERATED}

\`GET /metrics\` returns these in the Prometheus text format, and the usual ones of a Node process (\`process_…\`, \`nodejs_…\`). They
are about one API process and its image processes. What is the same for all processes on a database: \`coreframe_stored_table_bytes\`,
\`coreframe_jobs_…\`, \`coreframe_job_items_…\`, \`coreframe_job_lease_overdue_seconds\` and \`coreframe_job_longest_attempt_seconds\`; take the \`max\` of them, not the \`sum\`. A scrape takes a few milliseconds, or at most a second if the database does not answer.

${table(['metric', 'type', 'labels', 'meaning'], rows)}
`;
}
