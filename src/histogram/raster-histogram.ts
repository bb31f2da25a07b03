import { binEdges, binLevels, presentCounts } from './bins.ts';
import { countLevels, type Grouping } from './count.ts';
import { type Distribution, distributionOf } from './distribution.ts';
import { channelLevels } from './levels.ts';
import { groupSizes, levelsByGroup } from './levels-by-group.ts';
import { affordableBins, checkAnswerSize } from './params.ts';
import type { Raster } from './raster.ts';
import type {
  Channel,
  ChannelHistogram,
  ChannelMeasures,
  HistogramParams,
  HistogramResult,
  LabelHistogram,
} from './schemas.ts';
import { groupPixels, presentLabels } from './selection.ts';
import { measureLevels } from './statistics.ts';

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
  const labels = mask !== undefined && params.per_label ? presentLabels(mask) : undefined;
  const counts = {
    channels: channels.length,
    percentiles: params.percentiles.length,
    labels: labels?.length ?? 0,
  };
  const axes = channels.map((channel): Axis => {
    const levels = channelLevels(raster, channel);
    return { channel, levels, edges: binEdges(params, levels, affordableBins(counts)) };
  });
  checkAnswerSize({ ...counts, bins: Math.max(...axes.map(({ edges }) => edges.length - 1)) });
  if (mask !== undefined && labels !== undefined) return countLabels(raster, axes, params, mask, labels);

  const grouping = groupPixels(raster, {
    mask,
    labels: params.label === undefined ? undefined : [params.label],
    ignoreTransparent: params.ignore_transparent,
  });
  const { pixels, tables } = countLevels(raster, channels, grouping);
  const measured = axes.map((axis, i) =>
    describeAxis(axis, measureChannel(axis, distributionOf(tables[i] ?? new Uint32Array()), params)),
  );
  return { pixels, channels: byChannel(axes, measured) };
}

/** One histogram for each label, and their sum. */
function countLabels(
  raster: Raster,
  axes: readonly Axis[],
  params: HistogramParams,
  mask: Raster,
  labels: readonly number[],
): Counted {
  const grouping: Grouping = groupPixels(raster, {
    mask,
    labels,
    ignoreTransparent: params.ignore_transparent,
  });
  const sizes = groupSizes(raster, grouping);
  const histograms = labels.map(
    (label, group): LabelHistogram => ({ label, pixels: sizes[group] ?? 0, channels: {} }),
  );
  const measured = axes.map((axis) => {
    const total = new Uint32Array(axis.levels);
    let group = 0;
    for (const distribution of levelsByGroup(raster, axis.channel, grouping, sizes)) {
      const { channels, pixels } = histograms[group] as LabelHistogram;
      if (pixels > 0) channels[axis.channel] = measureChannel(axis, distribution, params);
      addTo(total, distribution);
      group += 1;
    }
    return describeAxis(axis, measureChannel(axis, distributionOf(total), params));
  });
  return {
    pixels: sizes.reduce((total, size) => total + size, 0),
    channels: byChannel(axes, measured),
    labels: histograms.filter(({ pixels }) => pixels > 0),
  };
}

function addTo(table: Uint32Array, { levels, counts }: Distribution): void {
  for (let i = 0; i < levels.length; i += 1) {
    const level = levels[i] as number;
    table[level] = (table[level] as number) + (counts[i] as number);
  }
}

function measureChannel(
  { channel, edges }: Axis,
  distribution: Distribution,
  params: HistogramParams,
): ChannelMeasures {
  const { percentiles } = params;
  const statistics = measureLevels(distribution, { percentiles, circular: channel === 'hue' });
  const { counts, below, above } = binLevels(distribution, edges);
  return { ...statistics, counts: presentCounts(counts, statistics.pixels, params), below, above };
}

function describeAxis({ levels, edges }: Axis, measures: ChannelMeasures): ChannelHistogram {
  return { ...measures, levels, bin_edges: edges };
}

function byChannel(axes: readonly Axis[], measured: readonly ChannelHistogram[]): Counted['channels'] {
  return Object.fromEntries(axes.map(({ channel }, i) => [channel, measured[i]]));
}
