import type { OperationName } from '../../src/manipulation/operations/registry.ts';

/** The watermark that the sample of composite puts on. */
export const WATERMARK = { image_id: '5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11' };

/** One use of each operation with a visible effect on a picture of 96×64. */
export const SAMPLES: Record<OperationName, { op: OperationName; [parameter: string]: unknown }> = {
  resize: { op: 'resize', width: 60, height: 50, position: 'northwest' },
  crop: { op: 'crop', left: 5, top: 3, width: 40, height: 35, clip: true },
  trim: { op: 'trim', threshold: 20 },
  extend: { op: 'extend', top: 4, left: 7, right: 2, background: '#11aa33' },
  rotate: { op: 'rotate', angle: 30, background: '#336699' },
  flip: { op: 'flip' },
  flop: { op: 'flop' },
  composite: { op: 'composite', overlay: WATERMARK, gravity: 'southeast', margin: 2, opacity: 0.7 },
  blur: { op: 'blur', sigma: 1.5 },
  sharpen: { op: 'sharpen', sigma: 1.2 },
  median: { op: 'median', size: 3 },
  grayscale: { op: 'grayscale' },
  tint: { op: 'tint', color: '#704214' },
  modulate: { op: 'modulate', brightness: 1.1, saturation: 0.6, hue: 40 },
  gamma: { op: 'gamma', gamma: 1.8 },
  normalize: { op: 'normalize' },
  clahe: { op: 'clahe', width: 16, height: 16 },
  threshold: { op: 'threshold', threshold: 100 },
  negate: { op: 'negate' },
  flatten: { op: 'flatten', background: '#ffeedd' },
};
