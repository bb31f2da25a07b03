import path from 'node:path';
import sharp from 'sharp';
import t from 'tap';
import { schemaFaults } from '../../src/core/schema-faults.ts';
import { type Validate, validatorCompiler } from '../../src/core/validator.ts';
import { PlotParamsSchema } from '../../src/histogram/plot/schemas.ts';
import {
  ChannelHistogramSchema,
  ChannelSchema,
  HistogramParamsSchema,
  HistogramResultSchema,
  LabelChannelSchema,
  LabelHistogramSchema,
  RegionSchema,
} from '../../src/histogram/schemas.ts';
import { histogramOf, temporaryFolder, withDefaults } from './support.ts';

const UUID = '5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11';
const compile = validatorCompiler('json', {
  ChannelSchema,
  RegionSchema,
  LabelChannelSchema,
  ChannelHistogramSchema,
  LabelHistogramSchema,
});
const validate = compile(HistogramParamsSchema);
const pathsOf = ({ errors }: Validate) => schemaFaults(errors).listed.map(({ path: pointer }) => pointer);

t.test('nothing given is filled with the documented defaults', async (t) => {
  const params = {};
  t.ok(validate(params));
  t.same(params, withDefaults());
});

t.test('what is allowed', async (t) => {
  for (const params of [
    { channels: ['red', 'hue'] },
    { bins: 1 },
    { bins: 65_536 },
    { edges: [0, 0.5] },
    { level_range: [0, 65_536] },
    { percentiles: [0, 50, 99.9, 100] },
    { region: { left: 0, top: 0, width: 1, height: 1 } },
    { mask: UUID, label: 65_535 },
    { mask: UUID, per_label: true },
  ]) {
    t.ok(validate({ ...params }), JSON.stringify(params));
  }
});

t.test('each parameter, wrong in each way, is named', async (t) => {
  const box = { left: 0, top: 0, width: 5, height: 5 };
  const table: [Record<string, unknown>, string][] = [
    [{ channels: [] }, '/channels'],
    [{ channels: 'red' }, '/channels'],
    [{ channels: ['red', 'red'] }, '/channels/1'],
    [{ channels: ['red', 'cyan'] }, '/channels/1'],
    [{ bins: 0 }, '/bins'],
    [{ bins: 65_537 }, '/bins'],
    [{ bins: 2.5 }, '/bins'],
    [{ bins: '16' }, '/bins'],
    [{ edges: [1] }, '/edges'],
    [{ edges: [-1, 4] }, '/edges/0'],
    [{ edges: [0, 65_537] }, '/edges/1'],
    [{ edges: [0, null] }, '/edges/1'],
    [{ level_range: [0] }, '/level_range'],
    [{ level_range: [0, 1, 2] }, '/level_range'],
    [{ level_range: [-1, 2] }, '/level_range/0'],
    [{ level_range: [0, 70_000] }, '/level_range/1'],
    [{ cumulative: 'yes' }, '/cumulative'],
    [{ normalize: 1 }, '/normalize'],
    [{ percentiles: [101] }, '/percentiles/0'],
    [{ percentiles: [5, -0.1] }, '/percentiles/1'],
    [{ percentiles: [5, 5] }, '/percentiles/1'],
    [{ percentiles: 50 }, '/percentiles'],
    [{ percentiles: Array.from({ length: 102 }, (_, i) => i / 2) }, '/percentiles'],
    [{ region: { ...box, left: -1 } }, '/region/left'],
    [{ region: { ...box, top: 0.5 } }, '/region/top'],
    [{ region: { ...box, width: 0 } }, '/region/width'],
    [{ region: { ...box, height: 1_000_001 } }, '/region/height'],
    [{ region: { left: 0, top: 0, width: 5 } }, '/region/height'],
    [{ region: { ...box, right: 9 } }, '/region/right'],
    [{ region: null }, '/region'],
    [{ mask: 'coins' }, '/mask'],
    [{ label: -1 }, '/label'],
    [{ label: 65_536 }, '/label'],
    [{ label: 1.5 }, '/label'],
    [{ per_label: 'true' }, '/per_label'],
    [{ ignore_transparent: 0 }, '/ignore_transparent'],
    [{ page: -1 }, '/page'],
    [{ page: 100_001 }, '/page'],
    [{ page: 'first' }, '/page'],
    [{ auto_orient: null }, '/auto_orient'],
    [{ bin: 5 }, '/bin'],
  ];
  for (const [params, pointer] of table) {
    t.notOk(validate(params), JSON.stringify(params).slice(0, 60));
    t.same(pathsOf(validate), [pointer]);
  }
});

t.test('plot parameters', async (t) => {
  const isPlot = compile(PlotParamsSchema);
  const plot = {};
  t.ok(isPlot(plot));
  t.same(plot, { width: 800, height: 400, theme: 'light', scale: 'linear', format: 'svg' });
  for (const [params, pointer] of [
    [{ width: 63 }, '/width'],
    [{ width: 4097 }, '/width'],
    [{ height: 47 }, '/height'],
    [{ height: 100.5 }, '/height'],
    [{ theme: 'blue' }, '/theme'],
    [{ scale: 'sqrt' }, '/scale'],
    [{ format: 'jpeg' }, '/format'],
    [{ depth: 3 }, '/depth'],
  ] as const) {
    t.notOk(isPlot({ ...params }), JSON.stringify(params));
    t.same(pathsOf(isPlot), [pointer]);
  }
});

t.test(
  'every parameter has a description and an example, and a default by schema or by its text',
  async (t) => {
    for (const [name, schema] of Object.entries({
      ...HistogramParamsSchema.properties,
      ...PlotParamsSchema.properties,
      // The parameter refers to it.
      region: RegionSchema,
    })) {
      t.type(schema.description, 'string', name);
      t.ok(Array.isArray(schema.examples), `${name}: example`);
      t.ok('default' in schema || /Default: |Without /.test(schema.description ?? ''), `${name}: default`);
    }
  },
);

t.test('results have the documented shape', async (t) => {
  const { folder, remove } = temporaryFolder();
  t.teardown(remove);
  const file = path.join(folder, 'p.png');
  const mask = path.join(folder, 'm.png');
  const noise = { type: 'gaussian', mean: 100, sigma: 40 } as const;
  await sharp({ create: { width: 30, height: 20, channels: 3, background: '#000', noise } })
    .png()
    .toFile(file);
  await sharp({ create: { width: 30, height: 20, channels: 3, background: '#020202' } })
    .toColourspace('b-w')
    .png()
    .toFile(mask);
  const strict = JSON.stringify(HistogramResultSchema, (key, value) =>
    // Each object closed, so that a field which the schema does not have is a fault here. Components repeat by name.
    key === '$id' ? undefined : value?.type === 'object' ? { additionalProperties: false, ...value } : value,
  );
  const isResult = compile(JSON.parse(strict));
  const channels = ['red', 'luminance', 'hue'] as const;
  for (const params of [
    { channels: [...channels], percentiles: [5] },
    { maskFile: mask, label: 9 },
    { maskFile: mask, per_label: true, region: { left: 1, top: 1, width: 5, height: 5 } },
  ]) {
    t.ok(isResult(await histogramOf(file, params)), JSON.stringify(isResult.errors));
  }
});
