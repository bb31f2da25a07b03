import { releaseArray } from '../../pictures/release-array.ts';
import { type Components, paintRuns, type Runs } from './components.ts';

/** Labels of an oriented picture, row-major; 0 is background. */
export interface LabelMap {
  width: number;
  height: number;
  data: Uint8Array | Uint16Array;
}

export interface Labelling {
  /** Label of each run; 0 if it was dropped. */
  label: Int32Array;
  /** Largest label. */
  count: number;
  /** Number of connected components of each label; index 0 is unused. */
  componentsOf: Int32Array;
  dropped: { min_area: number; max_segments: number };
}

/**
 * Labels for runs: components that are large enough, numbered from 1 in raster order (`components`), or the class of
 * each (`classes`). If there are more than `maxSegments`, the largest are kept (the earlier one of equals). The labels take
 * the place of the components.
 */
export function chooseLabels(
  runs: Runs,
  components: Components,
  segmentedBy: 'components' | 'classes',
  minArea: number,
  maxSegments: number,
): Labelling {
  const isRenumbered = segmentedBy === 'components';
  // The group that each component is counted in: itself or its class; 0 if it is too small.
  const groupOf = new Int32Array(components.count + 1);
  for (let run = 0; run < runs.value.length; run++) {
    const component = components.label[run] as number;
    groupOf[component] = isRenumbered ? component : (runs.value[run] as number);
  }
  const areas = new Int32Array(groupOf.reduce((a, b) => Math.max(a, b), 0) + 1);
  let small = 0;
  for (let component = 1; component <= components.count; component++) {
    const area = components.areas[component] as number;
    const group = groupOf[component] as number;
    if (area >= minArea) areas[group] = (areas[group] as number) + area;
    else {
      small++;
      groupOf[component] = 0;
    }
  }
  const { labelOf, count, beyond } = numberGroups(areas, maxSegments, isRenumbered);
  const { label } = components;
  for (let run = 0; run < label.length; run++) {
    label[run] = labelOf[groupOf[label[run] as number] as number] as number;
  }
  const componentsOf = new Int32Array(count + 1);
  for (let component = 1; component <= components.count; component++) {
    const kept = labelOf[groupOf[component] as number] as number;
    if (kept !== 0) componentsOf[kept] = (componentsOf[kept] as number) + 1;
  }
  return { label, count, componentsOf, dropped: { min_area: small, max_segments: beyond } };
}

/** Labels of the largest groups; components are renumbered without gaps, classes keep their numbers. */
function numberGroups(areas: Int32Array, maxSegments: number, isRenumbered: boolean) {
  const { least, ofLeast, beyond } = largestAreas(areas, maxSegments);
  const labelOf = new Int32Array(areas.length);
  let equals = 0;
  let kept = 0;
  let count = 0;
  for (let group = 1; group < areas.length; group++) {
    const area = areas[group] as number;
    if (area < least || (area === least && ++equals > ofLeast)) continue;
    kept++;
    count = isRenumbered ? kept : group;
    labelOf[group] = count;
  }
  return { labelOf, count, beyond };
}

/**
 * The smallest of the `most` largest areas, and how many equal ones belong to them. Noise has tens of millions of areas, so they
 * are sorted in an array of their own type.
 *
 * @param areas 0 if there is no such group
 */
function largestAreas(areas: Int32Array, most: number) {
  const present = countPresent(areas);
  if (present <= most) return { least: 1, ofLeast: present, beyond: 0 };
  const ascending = areas.slice().sort();
  const first = ascending.length - most;
  const least = ascending[first] as number;
  let end = first;
  while (ascending[end] === least) end++;
  releaseArray(ascending);
  return { least, ofLeast: end - first, beyond: present - most };
}

function countPresent(areas: Int32Array): number {
  let count = 0;
  for (const area of areas) if (area > 0) count++;
  return count;
}

/** The label map of labelled runs: 8 bits a pixel for up to 255 labels, else 16. */
export function paintLabels(runs: Runs, { label, count }: Labelling): LabelMap {
  const { width, height } = runs;
  const data = count > 255 ? new Uint16Array(width * height) : new Uint8Array(width * height);
  paintRuns(data, runs, label);
  return { width, height, data };
}

/** Whether a pixel beside (x, y), at index `i`, has another value. */
export function isEdge({ width, height, data }: LabelMap, x: number, y: number, i: number): boolean {
  const label = data[i];
  return (
    (x > 0 && data[i - 1] !== label) ||
    (x < width - 1 && data[i + 1] !== label) ||
    (y > 0 && data[i - width] !== label) ||
    (y < height - 1 && data[i + width] !== label)
  );
}
