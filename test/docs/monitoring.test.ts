import { readFile } from 'node:fs/promises';
import path from 'node:path';
import t, { type Test } from 'tap';
import { parse } from 'yaml';
import { createTestApp } from '../support/app.ts';

const FOLDER = path.resolve(import.meta.dirname, '../../docs/monitoring');

interface Rule {
  alert: string;
  expr: string;
  for?: string;
  labels: { severity: string };
  annotations: { summary: string; description: string };
}

interface Dashboard {
  panels: { title: string; description?: string; targets?: { expr: string; legendFormat: string }[] }[];
}

/** The labels of each sample that the service can give, by the name of the sample. */
let samples: Map<string, readonly string[]>;

t.before(async () => {
  const { services } = await createTestApp(t);
  samples = new Map([['up', []]]);
  for (const metric of services.metrics.registry.getMetricsAsArray()) {
    // prom-client's type does not show the labels.
    const { name, labelNames } = metric as unknown as { name: string; labelNames: readonly string[] };
    samples.set(name, labelNames);
    if (metric.constructor.name !== 'Histogram') continue;
    samples.set(`${name}_bucket`, [...labelNames, 'le']);
    for (const part of ['count', 'sum']) samples.set(`${name}_${part}`, labelNames);
  }
});

/** Labels that Prometheus adds. */
const ADDED = ['job', 'instance'];
const NAME = /\b(?:coreframe|process|nodejs)_\w+|\bup\b/g;

/** Fails unless an expression in PromQL names samples and labels that there are. */
function checkExpression(t: Test, what: string, expression: string): string[] {
  const names = expression.match(NAME) ?? [];
  t.ok(names.length > 0, `${what} reads a metric`);
  for (const name of names) t.ok(samples.has(name), `${what}: there is ${name}`);
  const known = new Set([...names.flatMap((name) => samples.get(name) ?? []), ...ADDED]);
  const grouped = [...expression.matchAll(/\b(?:by|on) \(([^)]*)\)/g)].flatMap(([, list = '']) =>
    list.split(', '),
  );
  for (const label of grouped) t.ok(known.has(label), `${what}: there is the label ${label}`);
  for (const [, name = '', selectors = ''] of expression.matchAll(/(\w+)\{([^}]*)\}/g)) {
    for (const [, label = ''] of selectors.matchAll(/(\w+)(?==~?")/g))
      t.ok([...(samples.get(name) ?? []), ...ADDED].includes(label), `${what}: ${name} has ${label}`);
  }
  const count = (sign: string) => expression.split(sign).length;
  for (const [open, close] of ['()', '[]', '{}']) t.equal(count(open ?? ''), count(close ?? ''), what);
  return names;
}

t.test('the alert rules name metrics and labels that there are, and say what to do', async (t) => {
  const { groups } = parse(await readFile(path.join(FOLDER, 'alerts.yml'), 'utf8')) as {
    groups: { name: string; rules: Rule[] }[];
  };
  const rules = groups.flatMap((group) => group.rules);
  t.equal(new Set(rules.map(({ alert }) => alert)).size, rules.length, 'each has a name of its own');
  t.ok(rules.length >= 12, `${rules.length} rules`);
  for (const { alert, expr, labels, annotations, ...rule } of rules) {
    checkExpression(t, alert, expr);
    t.match(expr, /==|>/, `${alert} compares`);
    t.match(rule.for ?? '1m', /^\d+[mh]$/);
    t.ok(['warning', 'critical'].includes(labels.severity), alert);
    t.match(annotations.summary, /^.+\.$/, alert);
    t.match(annotations.description, /^.+\.$/, alert);
    for (const [, label = ''] of annotations.summary.matchAll(/\$labels\.(\w+)/g)) {
      const grouping = /\bby \(([^)]*)\)/.exec(expr)?.[1]?.split(', ');
      t.ok(grouping?.includes(label) ?? !/\b(sum|max)\(/.test(expr), `${alert} keeps ${label}`);
    }
  }
});

t.test('the dashboard shows every metric of the service that is not told by another one', async (t) => {
  const text = await readFile(path.join(FOLDER, 'dashboard.json'), 'utf8');
  const { panels } = JSON.parse(text) as Dashboard;
  const shown = new Set<string>();
  for (const { title, targets = [], description } of panels) {
    if (targets.length > 0) t.match(description, /\.$/, title);
    for (const { expr, legendFormat } of targets) {
      for (const name of checkExpression(t, title, expr)) shown.add(name.replace(/_(bucket|count|sum)$/, ''));
      t.ok(legendFormat, title);
    }
  }
  const notShown = [
    'coreframe_build_info',
    'coreframe_cache_bytes',
    'coreframe_database_up',
    'coreframe_job_items_running',
    'coreframe_sent_bytes_total',
    'coreframe_stored_bytes_total',
  ];
  const own = ownMetrics().filter((name) => !shown.has(name));
  t.strictSame(own.sort(), notShown);
});

/** The names of the service's own metrics. */
function ownMetrics(): string[] {
  return [...samples.keys()].filter(
    (name) => name.startsWith('coreframe_') && !/_(bucket|count|sum)$/.test(name),
  );
}
