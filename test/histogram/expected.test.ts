import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import t from 'tap';
import { NO_TEST_DATA, testDataPath } from '../support/test-data.ts';
import { histogramOf } from './support.ts';

interface ExpectedChannel {
  counts_sha256_le_u32: string;
  mean: number;
  stdev: number;
  min?: number;
  max?: number;
  counts_at: Record<string, number>;
}
type Expected = Record<
  string,
  { size: [number, number]; grey?: ExpectedChannel; rgb?: Record<'red' | 'green' | 'blue', ExpectedChannel> }
>;

const file = testDataPath('expected.json');

function sha256(counts: readonly number[]): string {
  return createHash('sha256')
    .update(Buffer.from(Uint32Array.from(counts).buffer))
    .digest('hex');
}

if (!existsSync(file)) {
  t.pass('reference values', { skip: NO_TEST_DATA });
} else {
  const expected: Expected = JSON.parse(readFileSync(file, 'utf8'));
  const pictures = Object.entries(expected).filter(([, { grey, rgb }]) => (grey ?? rgb) !== undefined);
  t.equal(pictures.length, 5, 'every picture with a histogram is tested');
  for (const [name, { size, grey, rgb }] of pictures) {
    t.test(`${name} has numpy's counts and statistics`, async (t) => {
      const result = await histogramOf(testDataPath('images', name));
      t.same([result.width, result.height], size);
      t.equal(result.converted_from, null);
      for (const [channel, value] of Object.entries(grey === undefined ? { ...rgb } : { grey })) {
        const histogram = result.channels[channel as 'red' | 'green' | 'blue' | 'grey'];
        t.ok(histogram, channel);
        if (histogram === undefined) continue;
        t.equal(sha256(histogram.counts), value.counts_sha256_le_u32, `${channel}: every count`);
        for (const [level, count] of Object.entries(value.counts_at)) {
          t.equal(histogram.counts[Number(level)], count, `${channel}: count at ${level}`);
        }
        t.ok(Math.abs((histogram.mean ?? 0) - value.mean) < 1e-9, `${channel}: mean`);
        t.ok(Math.abs((histogram.stdev ?? 0) - value.stdev) < 1e-9, `${channel}: stdev`);
        if (value.min !== undefined) t.equal(histogram.min, value.min, `${channel}: min`);
        if (value.max !== undefined) t.equal(histogram.max, value.max, `${channel}: max`);
      }
    });
  }
}
