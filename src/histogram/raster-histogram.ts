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
    channels: measureChannels(axes, (i) => tables[i]?.[0], params, describeAxis),
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
      const tableOf = (i: number) => counted.tables[i]?.[group];
      for (const [i, total] of totals.entries()) {
        tableOf(i)?.forEach((count, level) => {
          total[level] = (total[level] as number) + count;
        });
      }
      histograms.push({ label, pixels, channels: measureChannels(axes, tableOf, params, () => ({})) });
    });
  }
  return {
    pixels: histograms.reduce((total, { pixels }) => total + pixels, 0),
    channels: measureChannels(axes, (i) => totals[i], params, describeAxis),
    labels: histograms,
  };
}

const describeAxis = ({ levels, edges }: Axis) => ({ levels, bin_edges: edges });

/** Measures each channel from the number of pixels at its levels. */
function measureChannels<Description>(
  axes: readonly Axis[],
  tableOf: (i: number) => Uint32Array | undefined,
  params: HistogramParams,
  describe: (axis: Axis) => Description,
) {
  const measured = axes.map((axis, i): [Channel, ChannelMeasures & Description] => {
    const { channel, edges } = axis;
    const table = tableOf(i) ?? new Uint32Array();
    const statistics = measureLevels(table, { percentiles: params.percentiles, circular: channel === 'hue' });
    const { counts, below, above } = binLevels(table, edges);
    const presented = presentCounts(counts, statistics.pixels, params);
    return [channel, { ...statistics, counts: presented, below, above, ...describe(axis) }];
  });
  return Object.fromEntries(measured) as Partial<Record<Channel, ChannelMeasures & Description>>;
}
