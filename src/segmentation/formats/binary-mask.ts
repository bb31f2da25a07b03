import { Type } from '@sinclair/typebox';
import { parameterError } from '../../core/faults.ts';
import { bytesContent, ObjectWithDefaults } from '../../core/schema.ts';
import type { LabelMap } from '../labels/labels.ts';
import { MAX_SEGMENTS } from '../labels/segment.ts';
import { defineDirectForm, defineForm, type FormDefinition } from './form.ts';

const params = ObjectWithDefaults({
  label: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: MAX_SEGMENTS,
      description: 'The only label to show. Default: all labels.',
      examples: [1],
    }),
  ),
});

const definition: FormDefinition<'binary-mask', typeof params> = {
  name: 'binary-mask',
  id: 'BinaryMask',
  title: 'Binary mask',
  description: 'An 8-bit grey PNG: pixels of `label`, or of any label, are 255, all others 0.',
  version: 1,
  params,
  suffix: ({ label }) => (label === undefined ? '-mask.png' : `-mask-${label}.png`),
  mediaType: () => 'image/png',
  bytes: { description: 'The mask.', content: bytesContent('image/png') },
  render: async ({ labels, foreground }, { label }) =>
    encodeBinaryMask(await (label === undefined ? foreground() : labels()), label),
};

export const directBinaryMask = defineDirectForm(definition);

export const binaryMaskForm = defineForm(definition, directBinaryMask);

/**
 * The pixels of a label, or of any label, as 255 and all others as 0.
 *
 * @returns H×W, row-major
 * @throws AppError `validation_failed` for a label that has no pixels
 */
export function binaryMask({ data }: LabelMap, label?: number): Uint8Array {
  const mask = new Uint8Array(data.length);
  if (label === undefined) {
    // The sign bit of a negated label: a branch would often be mispredicted at the edges of small segments.
    for (let i = 0; i < mask.length; i++) mask[i] = -(data[i] as number) >> 31;
    return mask;
  }
  let area = 0;
  for (let i = 0; i < mask.length; i++) {
    if (data[i] !== label) continue;
    mask[i] = 255;
    area++;
  }
  if (label === 0 || area === 0) throw parameterError('/label', 'a label of the segmentation', label);
  return mask;
}

/** The binary mask as an 8-bit greyscale PNG. */
export async function encodeBinaryMask(labels: LabelMap, label?: number): Promise<Buffer> {
  const { encodeLabelMap } = await import('../labels/label-map.ts');
  return encodeLabelMap({ ...labels, data: binaryMask(labels, label) });
}
