import { writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { canonicalizePipeline, type PipelineRequest } from '../../src/manipulation/pipeline.ts';
import { runTransform } from '../../src/manipulation/run-pipeline.ts';
import type { ImageLimits } from '../../src/pictures/types.ts';
import { LIMITS, makePng, taskOf } from './fixtures.ts';

const folder = t.testdir();
const MIB = 1024 ** 2;

/** The header of a picture without pixels: whatever reads them fails. */
function headerOnly(width: number, height: number): string {
  const file = path.join(folder, `${width}x${height}.png`);
  writeFileSync(file, makePng(width, height, Buffer.alloc(10)));
  return file;
}

const wide = headerOnly(1_000_000, 40);
const square = headerOnly(7000, 7000);

async function failureOf(file: string, request: object, limits: Partial<ImageLimits> = {}): Promise<unknown> {
  const pipeline = canonicalizePipeline(request as PipelineRequest, { inputFormat: 'png' });
  const source = { path: file, format: 'png' } as const;
  const task = taskOf([source], pipeline, { ...LIMITS, ...limits }, path.join(folder, 'out'));
  return runTransform(task).then(
    () => 'none',
    (error: unknown) => error,
  );
}

t.test('what is too large on the way is refused before any pixel is read', async (t) => {
  const turns = Array(32).fill({ op: 'rotate', angle: 45 });
  const large = { op: 'resize', width: 20_000 };
  for (const [request, limits, path, message] of [
    [{ operations: turns }, {}, '/operations/1/angle', /received 13999×13999/],
    [
      { operations: [{ op: 'flip' }, large, { op: 'resize', width: 10 }] },
      {},
      '/operations/1/width',
      /received 20000×20000/,
    ],
    [
      { operations: [{ op: 'flip' }] },
      { maxDecodeBytes: 400 * MIB },
      '/operations/0',
      /can be made in 400 MiB of memory .* received a result of 7000×7000 pixels, which needs about 533 MiB/,
    ],
    [
      { operations: [], output: { format: 'webp', lossless: true } },
      { maxDecodeBytes: 1024 * MIB },
      '/output/format',
      /received lossless WebP of 7000×7000 pixels, which needs about 1842 MiB/,
    ],
    [
      { operations: [{ op: 'flip' }], output: { format: 'avif' } },
      { maxDecodeBytes: 1024 * MIB },
      '/output/format',
      /received AVIF of 7000×7000/,
    ],
  ] as const) {
    const error = await failureOf(square, request, limits);
    t.match(error, { code: 'output_too_large', errors: [{ path, message }] }, path);
  }
});

t.test('rows that need too much memory are refused before any pixel is read', async (t) => {
  const error = await failureOf(wide, { operations: [{ op: 'flip' }] }, { maxDecodeBytes: 512 * MIB });
  t.match(error, {
    code: 'too_many_pixels',
    detail: /a PNG of 1000000×40 pixels, which needs about \d+ MiB/,
  });
});

t.test('a size that only the pixels tell is checked when they are known', async (t) => {
  const request = { operations: [{ op: 'trim' }, { op: 'resize', width: 20_000 }] };
  t.match(await failureOf(square, request), { code: 'undecodable_image' });
});
