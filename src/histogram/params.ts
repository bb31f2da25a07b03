import type { Fault } from '../core/errors.ts';
import { parameterError, parameterErrors, parameterFault, Words } from '../core/faults.ts';
import { channelLevels } from './levels.ts';
import { levelsOf, type Raster } from './raster.ts';
import type { Channel, HistogramParams } from './schemas.ts';

/** Maximum number of numbers in one answer, several times those of nine channels of a 16-bit picture. As JSON it has up to 100 MB. */
const MAX_NUMBERS = 2 ** 22;
/** Numbers of a channel besides its counts and percentiles. */
const STATISTICS = 12;

/** Channels that can be computed from every picture. */
const COMPUTED: readonly Channel[] = ['luminance', 'hue', 'saturation', 'value'];

/** The facts about a picture that parameters must fit. */
export type PictureFacts = Pick<Raster, 'width' | 'height' | 'bitDepth' | 'colorSpace' | 'alpha'>;

/**
 * Checks the rules that concern several parameters and need no picture.
 *
 * @throws AppError `validation_failed` with every fault
 */
export function checkParams(params: HistogramParams): void {
  const { bins, edges, level_range: range, mask, label } = params;
  const faults: Fault[] = [];
  const report = (...fault: Parameters<typeof parameterFault>) => faults.push(parameterFault(...fault));
  if (edges !== undefined) {
    if (bins !== undefined) report('/edges', 'nothing, because bins is given,', edges);
    if (range !== undefined) report('/level_range', 'nothing, because edges is given,', range);
    const at = firstNotIncreasing(edges);
    if (at !== -1) report(`/edges/${at}`, `an edge above the one before it (${edges[at - 1]})`, edges[at]);
  }
  if (range !== undefined && firstNotIncreasing(range) !== -1) {
    report('/level_range/1', `an upper edge above the lower one (${range[0]})`, range[1]);
  }
  if (mask === undefined && label !== undefined)
    report('/label', 'nothing, because no mask is given,', label);
  if (mask === undefined && params.per_label) report('/per_label', 'false, because no mask is given,', true);
  else if (label !== undefined && params.per_label)
    report('/per_label', 'false, because label is given,', true);
  if (faults.length > 0) throw parameterErrors(faults);
}

function firstNotIncreasing(values: readonly number[]): number {
  return values.findIndex((value, i) => i > 0 && value <= (values[i - 1] ?? value));
}

/**
 * Checks parameters against a picture's channels, levels and size.
 *
 * @returns the channels to count: the requested ones or the picture's own
 * @throws AppError `validation_failed` with every fault
 */
export function checkAgainstPicture(params: HistogramParams, picture: PictureFacts): Channel[] {
  const { bins, region } = params;
  const faults: Fault[] = [];
  const report = (...fault: Parameters<typeof parameterFault>) => faults.push(parameterFault(...fault));
  const channels = params.channels ?? ownChannels(picture);
  const known = [...ownChannels(picture), ...COMPUTED];
  channels.forEach((channel, i) => {
    if (!known.includes(channel)) report(`/channels/${i}`, `one of ${known.join(', ')}`, channel);
  });
  const levels = levelsOf(picture);
  if (bins !== undefined && bins > levels) {
    report('/bins', `an integer from 1 to ${levels} with ${picture.bitDepth} bits a channel`, bins);
  }
  const top = Math.max(...channels.map((channel) => channelLevels(picture, channel)));
  for (const name of ['edges', 'level_range'] as const) {
    const at = params[name]?.findIndex((edge) => edge > top) ?? -1;
    if (at !== -1) {
      report(`/${name}/${at}`, `a number from 0 to ${top} (the number of levels)`, params[name]?.[at]);
    }
  }
  if (region !== undefined) {
    for (const [start, extent, size] of [
      ['left', 'width', picture.width],
      ['top', 'height', picture.height],
    ] as const) {
      if (region[start] + region[extent] <= size) continue;
      const isOutside = region[start] >= size;
      report(
        `/region/${isOutside ? start : extent}`,
        `a box inside the ${picture.width}×${picture.height} picture`,
        isOutside ? region[start] : new Words(`${extent} ${region[extent]} at ${start} ${region[start]}`),
      );
    }
  }
  if (faults.length > 0) throw parameterErrors(faults);
  return [...channels];
}

/**
 * The largest power of two of bins with which an answer is small enough; 1 if not even that is.
 */
export function affordableBins({ channels, percentiles, labels }: Omit<AnswerSize, 'bins'>): number {
  const each = Math.floor(MAX_NUMBERS / (channels * (labels + 1))) - 2 * percentiles - STATISTICS;
  return each < 2 ? 1 : 2 ** Math.floor(Math.log2(each));
}

interface AnswerSize {
  channels: number;
  bins: number;
  percentiles: number;
  labels: number;
}

/** @throws AppError `validation_failed` if the answer would have too many numbers */
export function checkAnswerSize({ channels, bins, percentiles, labels }: AnswerSize): void {
  // A percentile is given with its level.
  const size = channels * (bins + 2 * percentiles + STATISTICS) * (labels + 1);
  if (size <= MAX_NUMBERS) return;
  const ofChannel = `(${bins} bins + 2 × ${percentiles} percentiles + ${STATISTICS})`;
  throw parameterError(
    labels > 0 ? '/per_label' : '/bins',
    `at most ${MAX_NUMBERS} numbers (use fewer bins, percentiles or channels)`,
    new Words(`${size} numbers: ${channels} channels × ${ofChannel} × (${labels} labels + 1 for all)`),
  );
}

/** The channels that a picture has as stored. */
function ownChannels({ colorSpace, alpha }: PictureFacts): Channel[] {
  const color: Channel[] = colorSpace === 'grey' ? ['grey'] : ['red', 'green', 'blue'];
  return alpha === null ? color : [...color, 'alpha'];
}
