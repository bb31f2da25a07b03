import type { Grouping } from './count.ts';
import type { Raster } from './raster.ts';

const LABELS = 65_536;

/** The labels in a label map, ascending, without 0. */
export function presentLabels({ samples, stride }: Raster): number[] {
  const present = new Uint8Array(LABELS);
  for (let at = 0; at < samples.length; at += stride) present[samples[at] ?? 0] = 1;
  return [...present.keys()].filter((label) => label > 0 && present[label] === 1);
}

interface Selection {
  /** A label map of the raster's size, in band 0. */
  mask?: Raster | undefined;
  /** Each of these labels is a group, numbered from 1 in this order. Without them, all labels but 0 are one group. */
  labels?: readonly number[] | undefined;
  /** Leaves out fully transparent pixels. */
  ignoreTransparent: boolean;
}

/** The groups of a raster's pixels; undefined if all pixels are one group. */
export function groupPixels(raster: Raster, selection: Selection & { mask: Raster }): Grouping;
export function groupPixels(raster: Raster, selection: Selection): Grouping | undefined;
export function groupPixels(
  raster: Raster,
  { mask, labels, ignoreTransparent }: Selection,
): Grouping | undefined {
  const alpha = ignoreTransparent ? raster.alpha : null;
  if (mask === undefined && alpha === null) return undefined;
  const groups = groupOfLabel(labels);
  return {
    count: labels?.length ?? 1,
    read(start, end, out) {
      const pixels = end - start;
      if (mask === undefined) out.fill(1, 0, pixels);
      else {
        const { samples, stride } = mask;
        for (let i = 0, at = start * stride; i < pixels; i += 1, at += stride) {
          out[i] = groups[samples[at] ?? 0] ?? 0;
        }
      }
      if (alpha === null) return;
      const { samples, stride } = raster;
      for (let i = 0, at = start * stride + alpha; i < pixels; i += 1, at += stride) {
        if (samples[at] === 0) out[i] = 0;
      }
    },
  };
}

/** The group of each label; 0 if the label is left out. */
function groupOfLabel(labels?: readonly number[]): Uint16Array {
  if (labels === undefined) return new Uint16Array(LABELS).fill(1, 1);
  const groups = new Uint16Array(LABELS);
  for (const [i, label] of labels.entries()) groups[label] = i + 1;
  return groups;
}
