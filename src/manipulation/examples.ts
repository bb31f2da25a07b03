/** Bodies to try in the docs. A test sends each of them. */
import type { Examples } from '../work/routes.ts';
import { OPERATION_NAMES, OPERATIONS } from './operations/registry.ts';

export const SINGLE_OPERATION_EXAMPLES: Record<'resize' | 'crop' | 'convert', Examples> = {
  resize: {
    width: { summary: 'To a width, keeping the proportions', value: { width: 800 } },
    cover: {
      summary: 'Fill a square with its most eye-catching part, as WebP',
      value: {
        width: 256,
        height: 256,
        fit: 'cover',
        position: 'attention',
        format: 'webp',
        quality: 75,
      },
    },
  },
  crop: {
    box: { summary: 'A box', value: { left: 10, top: 10, width: 200, height: 100, clip: true } },
    aspect_ratio: { summary: 'To an aspect ratio', value: { aspect_ratio: '16:9' } },
  },
  convert: {
    webp: { summary: 'To WebP', value: { format: 'webp', quality: 80 } },
    png: { summary: 'To PNG with a palette', value: { format: 'png', palette: true, colors: 64 } },
  },
};

/** Parameters of a `GET` that fit together. */
export const QUERY_EXAMPLES: Record<keyof typeof SINGLE_OPERATION_EXAMPLES, Record<string, unknown>> = {
  resize: { width: 800 },
  crop: { aspect_ratio: '16:9' },
  convert: { format: 'webp' },
};

export const TRANSFORM_EXAMPLES: Examples = {
  thumbnail: {
    summary: 'A square, sharpened thumbnail',
    value: {
      operations: [
        { op: 'crop', aspect_ratio: '1:1' },
        { op: 'resize', width: 256 },
        { op: 'sharpen', sigma: 1 },
      ],
      output: { format: 'webp', quality: 80 },
    },
  },
  order: {
    summary: 'The order matters: a border that is not resized',
    value: {
      operations: [
        { op: 'resize', width: 400 },
        { op: 'extend', top: 20, right: 20, bottom: 20, left: 20, background: '#ffffff' },
      ],
      output: { format: 'png' },
    },
  },
};

/** An example of the parameters of each operation: its first one, if it has any. */
export const STEP_EXAMPLES: Readonly<Record<string, object>> = Object.fromEntries(
  OPERATION_NAMES.map((op) => {
    const [[name, { examples = [] }] = ['', {}]] = Object.entries(OPERATIONS[op].params.properties);
    return [op, name === '' ? {} : { [name]: examples[0] }];
  }),
);
