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
 * each (`classes`). If there are more than `maxSegments`, the largest are kept (the earlier one of equals).
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
  const areas = new Float64Array(groupOf.reduce((a, b) => Math.max(a, b), 0) + 1);
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
  const label = new Int32Array(runs.value.length);
  for (let run = 0; run < label.length; run++) {
    label[run] = labelOf[groupOf[components.label[run] as number] as number] as number;
  }
  const componentsOf = new Int32Array(count + 1);
  for (let component = 1; component <= components.count; component++) {
    const kept = labelOf[groupOf[component] as number] as number;
    if (kept !== 0) componentsOf[kept] = (componentsOf[kept] as number) + 1;
  }
  return { label, count, componentsOf, dropped: { min_area: small, max_segments: beyond } };
}

/** Labels of the largest groups; components are renumbered without gaps, classes keep their numbers. */
function numberGroups(areas: Float64Array, maxSegments: number, isRenumbered: boolean) {
  const present: number[] = [];
  for (let group = 1; group < areas.length; group++) if ((areas[group] as number) > 0) present.push(group);
  const beyond = Math.max(0, present.length - maxSegments);
  const kept =
    beyond === 0
      ? present
      : present
          .sort((a, b) => (areas[b] as number) - (areas[a] as number) || a - b)
          .slice(0, maxSegments)
          .sort((a, b) => a - b);
  const labelOf = new Int32Array(areas.length);
  for (const [i, group] of kept.entries()) labelOf[group] = isRenumbered ? i + 1 : group;
  return { labelOf, count: labelOf[kept.at(-1) ?? 0] as number, beyond };
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
