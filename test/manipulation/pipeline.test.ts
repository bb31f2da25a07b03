import swagger from '@fastify/swagger';
import t, { type Test } from 'tap';
import { AppError, type Fault } from '../../src/core/errors.ts';
import { OPERATION_NAMES, OPERATIONS } from '../../src/manipulation/operations/registry.ts';
import { OutputSchema } from '../../src/manipulation/output.ts';
import {
  canonicalizePipeline,
  InputSchema,
  PIPELINE_SCHEMAS,
  type Pipeline,
  type PipelineRequest,
  pipelineReferences,
} from '../../src/manipulation/pipeline.ts';
import { singleOperationForm } from '../../src/manipulation/single-operation-form.ts';
import { IMAGE_FORMATS, type ImageFormat } from '../../src/pictures/formats.ts';
import { createBareApp } from '../support/fastify.ts';
import { SAMPLES, WATERMARK } from './samples.ts';

function canonical(
  request: object,
  inputFormat: ImageFormat = 'jpeg',
  accepts: readonly string[] = [],
): Pipeline {
  return canonicalizePipeline({ operations: [], ...request } as PipelineRequest, {
    inputFormat,
    accepts: () => accepts,
  });
}

function faultsOf(request: object, inputFormat: ImageFormat = 'jpeg'): readonly Fault[] {
  try {
    canonical(request, inputFormat);
    return [];
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return error.errors;
  }
}

/** The service's own validation over a route that answers with the canonical pipeline. */
async function createApp(t: Test) {
  const app = await createBareApp(t);
  for (const schema of PIPELINE_SCHEMAS) app.addSchema(schema);
  app.post('/transform', { schema: { body: { $ref: 'Pipeline#' } } }, (request) =>
    canonical(request.body as object),
  );
  for (const name of ['resize', 'crop', 'convert'] as const) {
    const { schema, read } = singleOperationForm(name);
    const { $id: _id, ...querystring } = schema;
    app.post(`/${name}`, { schema: { body: schema } }, (request) =>
      canonical(read(request.body as never) as object),
    );
    app.get(`/${name}`, { schema: { querystring } }, (request) =>
      canonical(read(request.query as never) as object),
    );
  }
  return async (method: 'GET' | 'POST', url: string, payload?: object) => {
    const response = await app.inject({ method, url, ...(payload ? { payload } : {}) });
    const json: Record<string, unknown> & { errors?: { path: string }[] } = response.json();
    return { status: response.statusCode, json, paths: (json.errors ?? []).map(({ path }) => path) };
  };
}

t.test('every parameter says what it is, its bounds and an example', async (t) => {
  for (const name of OPERATION_NAMES) {
    for (const [parameter, schema] of Object.entries(OPERATIONS[name].params.properties)) {
      t.ok(schema.description?.endsWith('.'), `${name}.${parameter} has a description`);
      t.ok(
        schema.examples?.length > 0 || schema.default !== undefined,
        `${name}.${parameter} has an example`,
      );
      if (schema.type === 'integer' || schema.type === 'number') {
        const hasBounds =
          schema.enum !== undefined ||
          (schema.maximum !== undefined && (schema.minimum ?? schema.exclusiveMinimum) !== undefined);
        t.ok(hasBounds, `${name}.${parameter} has bounds`);
      }
    }
  }
});

t.test('the route validates one branch, fills in defaults and reports every fault', async (t) => {
  const ask = await createApp(t);
  const filled = await ask('POST', '/transform', {
    operations: [{ op: 'resize', width: 80 }, { op: 'blur' }],
  });
  t.equal(filled.status, 200);
  t.match(filled.json, {
    input: { auto_orient: true },
    operations: [
      { op: 'resize', width: 80, fit: 'cover', kernel: 'lanczos3' },
      { op: 'blur', sigma: 2 },
    ],
    output: { format: 'jpeg', quality: 80, keep_metadata: false, color_profile: 'srgb' },
  });
  t.equal((await ask('POST', '/transform', {})).status, 200, 'nothing but a conversion to the same format');

  const bad: [object, string[]][] = [
    [{ operations: [{ op: 'resize', width: 0 }] }, ['/operations/0/width']],
    [{ operations: [{ op: 'resize', width: '80' }] }, ['/operations/0/width']],
    [{ operations: [{ op: 'resize', width: 8, height: 1.5 }] }, ['/operations/0/height']],
    [{ operations: [{ op: 'resize', width: 8, sharpness: 1 }] }, ['/operations/0/sharpness']],
    [
      { operations: [{ op: 'resize', width: 8, fit: 'crop', kernel: 'box' }] },
      ['/operations/0/fit', '/operations/0/kernel'],
    ],
    [{ operations: [{ op: 'explode' }] }, ['/operations/0/op']],
    [{ operations: [{ op: 'constructor' }] }, ['/operations/0/op']],
    [{ operations: [{ width: 8 }] }, ['/operations/0/op']],
    [{ operations: [7] }, ['/operations/0']],
    [{ operations: [{ op: 'flip' }, { op: 'blur', sigma: 1e9 }] }, ['/operations/1/sigma']],
    [{ operations: [{ op: 'median', size: 4 }] }, ['/operations/0/size']],
    [{ operations: [{ op: 'tint', color: 'reddish' }] }, ['/operations/0/color']],
    [{ operations: [{ op: 'extend', top: 1, background: '#12345' }] }, ['/operations/0/background']],
    [{ operations: [{ op: 'composite' }] }, ['/operations/0/overlay']],
    [{ operations: [{ op: 'composite', overlay: {} }] }, ['/operations/0/overlay']],
    [{ operations: [{ op: 'composite', overlay: { image_id: 'x' } }] }, ['/operations/0/overlay/image_id']],
    [{ operations: Array.from({ length: 33 }, () => ({ op: 'flip' })) }, ['/operations']],
    [{ operations: [], output: { format: 'bmp', quality: 101 } }, ['/output/format', '/output/quality']],
    [{ operations: [], input: { page: -1, auto_orient: 1 } }, ['/input/page', '/input/auto_orient']],
    [{ steps: [] }, ['/steps']],
  ];
  for (const [payload, paths] of bad) {
    const { status, paths: found } = await ask('POST', '/transform', payload);
    t.match(
      { status, found: found.sort() },
      { status: 422, found: [...paths].sort() },
      JSON.stringify(payload).slice(0, 90),
    );
  }
});

t.test('faults among parameters, each with its path', async (t) => {
  const cases: [object, string[], ImageFormat?][] = [
    [{ operations: [{ op: 'resize' }] }, ['/operations/0/width']],
    [
      { operations: [{ op: 'resize', width: 9, fit: 'contain', position: 'entropy' }] },
      ['/operations/0/position'],
    ],
    [
      { operations: [{ op: 'resize', width: 9, without_enlargement: true, without_reduction: true }] },
      ['/operations/0/without_reduction'],
    ],
    [{ operations: [{ op: 'crop' }] }, ['/operations/0/width']],
    [{ operations: [{ op: 'crop', left: 1, width: 5 }] }, ['/operations/0/top', '/operations/0/height']],
    [{ operations: [{ op: 'crop', aspect_ratio: '1:1', width: 5 }] }, ['/operations/0/width']],
    [{ operations: [{ op: 'crop', aspect_ratio: '1:1', clip: true }] }, ['/operations/0/clip']],
    [
      { operations: [{ op: 'crop', left: 0, top: 0, width: 1, height: 1, position: 'north' }] },
      ['/operations/0/position'],
    ],
    [{ operations: [{ op: 'crop', width: 5, position: 'attention' }] }, ['/operations/0/height']],
    [{ operations: [{ op: 'extend' }] }, ['/operations/0/top']],
    [{ operations: [{ op: 'normalize', lower: 50, upper: 50 }] }, ['/operations/0/lower']],
    [{ operations: [{ op: 'composite', overlay: WATERMARK, left: 1 }] }, ['/operations/0/top']],
    [
      { operations: [{ op: 'composite', overlay: WATERMARK, left: 1, top: 1, gravity: 'east' }] },
      ['/operations/0/gravity'],
    ],
    [
      { operations: [{ op: 'composite', overlay: WATERMARK, top: 1, left: 1, tile: true }] },
      ['/operations/0/tile'],
    ],
    [
      { operations: [{ op: 'composite', overlay: WATERMARK, tile: true, margin: 4 }] },
      ['/operations/0/margin'],
    ],
    [{ operations: [{ op: 'resize' }, { op: 'crop' }] }, ['/operations/0/width', '/operations/1/width']],
    [{ operations: [{ op: 'convert', format: 'png' }, { op: 'flip' }] }, ['/operations/0/op']],
    [{ operations: [{ op: 'convert', format: 'png' }], output: { quality: 3 } }, ['/output']],
    [
      { operations: [{ op: 'flip' }, { op: 'convert', format: 'png', quality: 3 }] },
      ['/operations/1/quality'],
    ],
    [{ output: { lossless: true } }, ['/output/lossless']],
    [{ output: { format: 'png', quality: 80 } }, ['/output/quality']],
    [{ output: { format: 'png', colors: 8, lossless: true } }, ['/output/colors', '/output/lossless']],
    [{ output: { format: 'webp', lossless: true, quality: 80 } }, ['/output/quality']],
    [{ output: { format: 'webp', effort: 7 } }, ['/output/effort']],
    [{ output: { format: 'gif', effort: 0 } }, ['/output/effort']],
    [
      { output: { format: 'gif', keep_metadata: true, color_profile: 'keep' } },
      ['/output/keep_metadata', '/output/color_profile'],
    ],
    [
      { output: { format: 'avif', lossless: true, chroma_subsampling: '4:2:0' } },
      ['/output/chroma_subsampling'],
    ],
    [{ output: { format: 'tiff', quality: 80 } }, ['/output/quality']],
    [{ output: { format: 'tiff', matte: '#fff' } }, ['/output/matte']],
    [{ output: { format: 'jpeg', mozjpeg: true, progressive: true } }, ['/output/progressive']],
    [{ output: { format: 'jpeg', compression: 'lzw' } }, ['/output/compression']],
    [{ output: { mozjpeg: true } }, ['/output/mozjpeg'], 'png'],
    [{ output: { format: 'png', palette: true, quality: 80, colors: 16 } }, []],
    [{ output: { format: 'tiff', compression: 'jpeg', quality: 80, matte: '#fff' } }, []],
    [{ output: { format: 'png', lossless: false, palette: false, color_profile: 'srgb' } }, []],
  ];
  for (const [request, paths, format] of cases) {
    const found = faultsOf(request, format).map(({ path }) => path);
    t.same(found.sort(), [...paths].sort(), JSON.stringify(request));
  }
});

t.test('faults among parameters say what goes together', async (t) => {
  for (const [request, ...messages] of [
    [
      { operations: [{ op: 'resize' }, { op: 'crop', left: 1, top: 1, width: 5 }] },
      'Expected a width, a height or both for width but received nothing',
      'Expected a value (a box needs left, top, width and height) for height but received nothing',
    ],
    [
      { operations: [{ op: 'resize', width: 9, fit: 'contain', position: 'entropy' }] },
      'Expected a compass point together with fit=contain for position but received "entropy"',
    ],
    [
      { operations: [{ op: 'normalize', lower: 50, upper: 40 }] },
      'Expected an integer below upper (40) for lower but received 50',
    ],
    [
      { output: { format: 'webp', lossless: true, quality: 80, effort: 9 } },
      'Expected nothing, because lossless is true, for quality but received 80',
      'Expected an integer from 0 to 6 with format=webp for effort but received 9',
    ],
    [
      { output: { mozjpeg: true, compression_level: 3 } },
      'Expected nothing with format=jpeg (only with png) for compression_level but received 3',
    ],
    [
      { operations: [{ op: 'convert', format: 'png' }], output: { quality: 3 } },
      'Expected nothing, because a convert operation says the same, for output but received an object of 1 property',
    ],
  ] as const) {
    t.same(
      faultsOf(request).map(({ message }) => message),
      messages,
      JSON.stringify(request),
    );
  }
});

t.test('equal work is equal data', async (t) => {
  const equal: [string, object, object, ImageFormat?][] = [
    [
      'defaults',
      { operations: [{ op: 'resize', width: 9 }] },
      {
        operations: [{ op: 'resize', width: 9, fit: 'cover', kernel: 'lanczos3' }],
        input: { auto_orient: true },
      },
    ],
    [
      'colours',
      { operations: [{ op: 'flatten', background: '#FFF' }] },
      { operations: [{ op: 'flatten', background: '#ffffff' }] },
    ],
    [
      'opaque alpha',
      { operations: [{ op: 'rotate', angle: 5, background: '#abcf' }] },
      { operations: [{ op: 'rotate', angle: 5, background: '#aabbcc' }] },
    ],
    [
      'angles',
      { operations: [{ op: 'rotate', angle: -90 }] },
      { operations: [{ op: 'rotate', angle: 270 }] },
    ],
    ['hues', { operations: [{ op: 'modulate', hue: -360 }] }, { operations: [{ op: 'modulate' }] }],
    [
      'ratios',
      { operations: [{ op: 'crop', aspect_ratio: '32:18' }] },
      { operations: [{ op: 'crop', aspect_ratio: '16:9', position: 'center' }] },
    ],
    [
      'a colour in other words',
      {
        operations: [
          { op: 'flatten', background: 'Red' },
          { op: 'tint', color: 'rgb(1, 2, 3)' },
        ],
      },
      {
        operations: [
          { op: 'flatten', background: 'f00' },
          { op: 'tint', color: '#010203' },
        ],
      },
    ],
    ['the format of the input', { output: { format: 'jpeg', matte: '#FFF' } }, {}],
    [
      'convert and output',
      { operations: [{ op: 'flip' }, { op: 'convert', format: 'webp' }] },
      { operations: [{ op: 'flip' }], output: { format: 'webp', quality: 80 } },
    ],
    ['the first page of a TIFF', { input: { page: 0 } }, {}, 'tiff'],
    ['the only page', { input: { page: 0 } }, {}, 'png'],
    ['options that are off', { output: { format: 'png', lossless: false } }, { output: { format: 'png' } }],
  ];
  for (const [name, first, second, format] of equal)
    t.same(canonical(first, format), canonical(second, format), name);
  t.notSame(canonical({ input: { page: 0 } }, 'gif'), canonical({}, 'gif'), 'one page is not the animation');
  for (const format of IMAGE_FORMATS) {
    const once = canonical({ operations: Object.values(SAMPLES), output: { format } }, 'png');
    t.same(canonical(once, 'png'), once, `canonical ${format} stays as it is`);
    t.same(JSON.parse(JSON.stringify(once)), once, 'plain data');
  }
});

t.test('auto takes what Accept names', async (t) => {
  const cases: [ImageFormat, string[], ImageFormat][] = [
    ['jpeg', [], 'jpeg'],
    ['jpeg', ['image/avif', 'image/webp', 'image/png'], 'webp'],
    ['png', ['image/avif'], 'avif'],
    ['png', ['image/png', 'image/jpeg'], 'png'],
    ['tiff', ['image/jpeg'], 'jpeg'],
    ['tiff', ['text/html', 'image/*'], 'tiff'],
    ['gif', ['text/html', '*/*'], 'gif'],
  ];
  for (const [input, accepts, output] of cases) {
    t.equal(
      canonical({ output: { format: 'auto' } }, input, accepts).output.format,
      output,
      `${input}, ${accepts}`,
    );
  }
  t.throws(() => canonical({ output: { format: 'auto' } }, 'png', ['text/html']), { code: 'not_acceptable' });
  t.equal(canonical({ output: { format: 'webp' } }, 'png', ['text/html']).output.format, 'webp', 'not auto');
});

t.test('references are named once', async (t) => {
  const other = { artifact_id: '11111111-2222-4333-8444-555555555555' };
  const overlays = [WATERMARK, other, WATERMARK].map((overlay) => ({ op: 'composite', overlay }));
  t.same(pipelineReferences(canonical({ operations: overlays })), [WATERMARK, other]);
});

t.test('one operation, as body or query, is the pipeline of one step', async (t) => {
  const ask = await createApp(t);
  const transform = {
    operations: [{ op: 'resize', width: 80, fit: 'inside' }],
    input: { auto_orient: false },
    output: { quality: 70 },
  };
  const wanted = (await ask('POST', '/transform', transform)).json;
  const body = { width: 80, fit: 'inside', auto_orient: false, quality: 70 };
  t.same((await ask('POST', '/resize', body)).json, wanted, 'body');
  t.same(
    (await ask('GET', '/resize?width=80&fit=inside&auto_orient=false&quality=70')).json,
    wanted,
    'query',
  );

  const converted = (await ask('POST', '/transform', { output: { format: 'webp', lossless: true } })).json;
  t.same(
    (await ask('POST', '/convert', { format: 'webp', lossless: true })).json,
    converted,
    'convert as a body',
  );
  t.same((await ask('GET', '/convert?format=webp&lossless=true')).json, converted, 'convert as a query');

  const both = (await ask('GET', '/resize?width=8&background=%23112233&matte=%23445566')).json;
  t.match(both, { operations: [{ background: '#112233' }], output: { matte: '#445566' } }, 'two colours');
  t.equal((await ask('GET', '/resize?width=80&colour=red')).status, 422, 'unknown parameter');
  t.same((await ask('GET', '/resize?width=wide')).paths, ['/width']);
  t.same((await ask('POST', '/resize', { width: 0 })).paths, ['/width']);
});

t.test('no option of the input or the output has the name of a parameter', async (t) => {
  for (const name of OPERATION_NAMES) {
    const sections = [OPERATIONS[name].params, InputSchema, OutputSchema];
    const names = sections.flatMap(({ properties }) => Object.keys(properties));
    t.same([...new Set(names)], names, name);
  }
});

t.test('paths of faults lead back to where the value stood', async (t) => {
  const resize = singleOperationForm('resize');
  t.equal(resize.locate('/operations/0/width'), '/width');
  t.equal(resize.locate('/output/quality'), '/quality');
  t.equal(resize.locate('/operations/0/background'), '/background');
  t.equal(resize.locate('/output/matte'), '/matte');
  t.equal(resize.locate('/input/page'), '/page');
  t.equal(singleOperationForm('crop').locate('/operations/0'), '');
  t.equal(singleOperationForm('convert').locate('/output/lossless'), '/lossless');
});

t.test('the schemas are components of an OpenAPI document', async (t) => {
  const app = await createBareApp(t);
  await app.register(swagger, {
    openapi: { openapi: '3.1.0' },
    refResolver: { buildLocalReference: (json) => String(json.$id) },
  });
  for (const schema of PIPELINE_SCHEMAS) app.addSchema(schema);
  app.post('/transform', { schema: { body: { $ref: 'Pipeline#' } } }, () => '');
  await app.ready();
  const { components = {} } = app.swagger() as { components?: { schemas?: Record<string, object> } };
  t.match(components.schemas, {
    Pipeline: { properties: { operations: { items: { $ref: '#/components/schemas/Operation' } } } },
    Operation: { oneOf: [{ $ref: '#/components/schemas/ResizeOperation' }] },
    ResizeOperation: { required: ['op'], properties: { op: { enum: ['resize'] } } },
    CompositeOperation: { required: ['op', 'overlay'] },
    PipelineOutput: {},
  });
});
