import { Type } from '@sinclair/typebox';
import { parameterError } from '../../core/faults.ts';
import { bytesContent, ObjectWithDefaults } from '../../core/schema.ts';
import type { LabelMap } from '../labels/labels.ts';
import { MAX_SEGMENTS } from '../labels/segment.ts';
import { defineForm } from './form.ts';

export const binaryMaskForm = defineForm({
  name: 'binary-mask',
  id: 'BinaryMask',
  title: 'Binary mask',
  description: 'An 8-bit grey PNG: 255 where `label` is, or any label, else 0.',
  version: 1,
  params: ObjectWithDefaults({
    label: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_SEGMENTS,
        description: 'The one label that is shown. Default: all labels.',
        examples: [1],
      }),
    ),
  }),
  suffix: ({ label }) => (label === undefined ? '-mask.png' : `-mask-${label}.png`),
  mediaType: () => 'image/png',
  bytes: { description: 'The mask.', content: bytesContent('image/png') },
  render: async ({ labels }, { label }) => encodeBinaryMask(await labels(), label),
});

/**
 * A label's pixels as 255 and all others as 0, or those of every label if none is given.
 *
 * @returns H×W, row-major
 * @throws AppError `validation_failed` for a label that has no pixels
 */
export function binaryMask({ data }: LabelMap, label?: number): Uint8Array {
  const mask = new Uint8Array(data.length);
  let area = 0;
  for (let i = 0; i < mask.length; i++) {
    const isMember = label === undefined ? data[i] !== 0 : data[i] === label;
    if (!isMember) continue;
    mask[i] = 255;
    area++;
  }
  if (label !== undefined && (label === 0 || area === 0)) {
    throw parameterError('/label', 'a label of the segmentation', label);
  }
  return mask;
}

/** The same as an 8-bit greyscale PNG. */
export async function encodeBinaryMask(labels: LabelMap, label?: number): Promise<Buffer> {
  const { width, height } = labels;
  const { default: sharp } = await import('sharp');
  return sharp(binaryMask(labels, label), { raw: { width, height, channels: 1 }, limitInputPixels: false })
    .toColourspace('b-w')
    .png({ compressionLevel: 3 })
    .toBuffer();
}
