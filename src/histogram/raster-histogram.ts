import { binEdges, binLevels, presentCounts } from './bins.ts';
import { countLevels } from './count.ts';
import { channelLevels } from './levels.ts';
import { checkAnswerSize } from './params.ts';
import type { Raster } from './raster.ts';
import type {
  Channel,
  ChannelMeasures,
  HistogramParams,
  HistogramResult,
  LabelHistogram,
} from './schemas.ts';
import { groupPixels, presentLabels } from './selection.ts';
import { measureLevels } from './statistics.ts';

/** Maximum number of counts in the tables that one pass fills, to bound memory; more labels take more passes. */
const TABLE_ENTRIES = 2 ** 24;

type Counted = Pick<HistogramResult, 'pixels' | 'channels' | 'labels'>;

interface Axis {
  channel: Channel;
  /** Number of levels. */
  levels: number;
  /** Edges of the bins. */
  edges: number[];
}

/**
 * The histograms of decoded pixels.
 *
 * @param channels the ones to count; the raster has them or they can be computed from it
 * @param mask a label map of the raster's size, in band 0
 * @throws AppError `validation_failed` if the answer would be too large
 */
export function histogramOfRaster(
  raster: Raster,
  channels: readonly Channel[],
  params: HistogramParams,
  mask?: Raster,
): Counted {
  const axes = channels.map((channel): Axis => {
    const levels = channelLevels(raster, channel);
    return { channel, levels, edges: binEdges(params, levels) };
  });
  const labels = mask !== undefined && params.per_label ? presentLabels(mask) : undefined;
  checkAnswerSize(
    channels.length,
    Math.max(...axes.map(({ edges }) => edges.length - 1)),
    labels?.length ?? 0,
  );
  if (mask !== undefined && labels !== undefined) return countLabels(raster, axes, params, mask, labels);

  const grouping = groupPixels(raster, {
    mask,
    labels: params.label === undefined ? undefined : [params.label],
    ignoreTransparent: params.ignore_transparent,
  });
  const { pixels, tables } = countLevels(raster, channels, grouping);
  return {
    pixels: pixels[0] ?? 0,
    channels: byChannel(axes, (axis, i) => wholeChannel(axis, tables[i]?.[0] ?? new Uint32Array(), params)),
  };
}

/** One histogram for each label, and their sum. */
function countLabels(
  raster: Raster,
  axes: readonly Axis[],
  params: HistogramParams,
  mask: Raster,
  labels: readonly number[],
): Counted {
  const totals = axes.map(({ levels }) => new Uint32Array(levels));
  const histograms: LabelHistogram[] = [];
  const channels = axes.map(({ channel }) => channel);
  const widest = Math.max(...axes.map(({ levels }) => levels)) * axes.length;
  const perPass = Math.max(1, Math.floor(TABLE_ENTRIES / widest) - 1);
  for (let first = 0; first < labels.length; first += perPass) {
    const some = labels.slice(first, first + perPass);
    const grouping = groupPixels(raster, {
      mask,
      labels: some,
      ignoreTransparent: params.ignore_transparent,
    });
    const counted = countLevels(raster, channels, grouping);
    some.forEach((label, group) => {
      const pixels = counted.pixels[group] ?? 0;
      if (pixels === 0) return;
      const tables = counted.tables.map((groups) => groups[group] ?? new Uint32Array());
      for (const [i, table] of tables.entries()) addTo(totals[i], table);
      const measured = byChannel(axes, ({ channel, edges }, i) =>
        measureChannel(channel, edges, tables[i] ?? new Uint32Array(), params),
      );
      histograms.push({ label, pixels, channels: measured });
    });
  }
  return {
    pixels: histograms.reduce((total, { pixels }) => total + pixels, 0),
    channels: byChannel(axes, (axis, i) => wholeChannel(axis, totals[i] ?? new Uint32Array(), params)),
    labels: histograms,
  };
}

function addTo(total: Uint32Array | undefined, table: Uint32Array): void {
  table.forEach((count, level) => {
    if (count > 0 && total !== undefined) total[level] = (total[level] ?? 0) + count;
  });
}

function byChannel<T>(axes: readonly Axis[], measure: (axis: Axis, i: number) => T) {
  const measured = axes.map((axis, i) => [axis.channel, measure(axis, i)]);
  return Object.fromEntries(measured) as Partial<Record<Channel, T>>;
}

function wholeChannel({ channel, levels, edges }: Axis, table: Uint32Array, params: HistogramParams) {
  return { ...measureChannel(channel, edges, table, params), levels, bin_edges: edges };
}

function measureChannel(
  channel: Channel,
  edges: readonly number[],
  table: Uint32Array,
  params: HistogramParams,
): ChannelMeasures {
  const statistics = measureLevels(table, { percentiles: params.percentiles, circular: channel === 'hue' });
  const { counts, below, above } = binLevels(table, edges);
  return { ...statistics, counts: presentCounts(counts, statistics.pixels, params), below, above };
}
