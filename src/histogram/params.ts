import { AppError, type Fault } from '../errors.ts';
import { channelLevels } from './levels.ts';
import { levelsOf, type Raster } from './raster.ts';
import type { Channel, HistogramParams } from './schemas.ts';

/**
 * Most numbers in one answer, over all channels and labels (some 10 MB of JSON): nine channels of a 16-bit picture in
 * full, or 2,700 labels of a colour picture.
 */
export const MAX_COUNTS = 2 ** 21;

/** What of a picture decides whether parameters fit it. */
export type PictureFacts = Pick<Raster, 'width' | 'height' | 'bitDepth' | 'colorSpace' | 'alpha'>;

/**
 * Holds the parameters to the rules that reach over several of them and need no picture.
 *
 * @throws AppError `validation_failed` with every fault
 */
export function checkParams(params: HistogramParams): void {
  const { bins, edges, range, mask, label } = params;
  const faults: Fault[] = [];
  const fault = (path: string, message: string) => faults.push({ location: 'body', path, message });
  if (edges !== undefined) {
    if (bins !== undefined) fault('/edges', 'Expected either bins or edges but received both');
    if (range !== undefined) fault('/range', 'Expected no range where there are edges, which say it');
    const at = firstNotIncreasing(edges);
    if (at !== -1) {
      fault(`/edges/${at}`, `Expected edges that increase but received ${edges[at]} after ${edges[at - 1]}`);
    }
  }
  if (range !== undefined && firstNotIncreasing(range) !== -1) {
    fault('/range', `Expected a lower and a greater upper edge but received ${range.join(' and ')}`);
  }
  if (mask === undefined && label !== undefined) fault('/label', 'Expected a mask together with label');
  if (mask === undefined && params.per_label) fault('/per_label', 'Expected a mask together with per_label');
  if (label !== undefined && params.per_label) {
    fault('/per_label', `Expected either label or per_label but received both (label is ${label})`);
  }
  refuse(faults);
}

function firstNotIncreasing(values: readonly number[]): number {
  return values.findIndex((value, i) => i > 0 && value <= (values[i - 1] ?? value));
}

/**
 * Holds parameters to a picture: its channels, levels and size.
 *
 * @returns the channels to count: those asked for, or the picture's own
 * @throws AppError `validation_failed` with every fault
 */
export function checkAgainstPicture(params: HistogramParams, picture: PictureFacts): Channel[] {
  const { bins, region } = params;
  const faults: Fault[] = [];
  const fault = (path: string, message: string) => faults.push({ location: 'body', path, message });
  const channels = params.channels ?? ownChannels(picture);
  channels.forEach((channel, i) => {
    const reason = whyMissing(channel, picture);
    if (reason !== undefined) fault(`/channels/${i}`, reason);
  });
  const levels = levelsOf(picture);
  if (bins !== undefined && bins > levels) {
    fault(
      '/bins',
      `Expected at most ${levels} bins for a ${picture.bitDepth}-bit picture but received ${bins}`,
    );
  }
  const top = Math.max(...channels.map((channel) => channelLevels(picture, channel)));
  for (const name of ['edges', 'range'] as const) {
    const at = params[name]?.findIndex((edge) => edge > top) ?? -1;
    if (at !== -1) {
      fault(`/${name}/${at}`, `Expected an edge from 0 to ${top} but received ${params[name]?.[at]}`);
    }
  }
  if (region !== undefined) {
    for (const [start, extent, size] of [
      ['left', 'width', picture.width],
      ['top', 'height', picture.height],
    ] as const) {
      if (region[start] + region[extent] <= size) continue;
      const name = region[start] >= size ? start : extent;
      fault(
        `/region/${name}`,
        `Expected a box inside the picture of ${picture.width}×${picture.height} pixels but received ${start} ${region[start]} and ${extent} ${region[extent]}`,
      );
    }
  }
  refuse(faults);
  return [...channels];
}

/**
 * Refuses an answer that would be too large to be of use.
 *
 * @throws AppError `validation_failed`
 */
export function checkAnswerSize(channels: number, bins: number, labels: number): void {
  const size = channels * bins * (labels + 1);
  if (size <= MAX_COUNTS) return;
  refuse([
    {
      location: 'body',
      path: labels > 0 ? '/per_label' : '/bins',
      message: `Expected an answer of at most ${MAX_COUNTS} counts but ${channels} channels × ${bins} bins × ${labels} labels and the whole make ${size}; ask for fewer bins or channels`,
    },
  ]);
}

/** The channels that a picture has as stored. */
export function ownChannels({ colorSpace, alpha }: PictureFacts): Channel[] {
  const color: Channel[] = colorSpace === 'grey' ? ['grey'] : ['red', 'green', 'blue'];
  return alpha === null ? color : [...color, 'alpha'];
}

function whyMissing(channel: Channel, picture: PictureFacts): string | undefined {
  const own = ownChannels(picture);
  if (own.includes(channel) || ['luminance', 'hue', 'saturation', 'value'].includes(channel))
    return undefined;
  return `Expected a channel that the picture has (${own.join(', ')}) or that is computed of them (luminance, hue, saturation, value) but received ${channel}`;
}

function refuse(faults: readonly Fault[]): void {
  const [first] = faults;
  if (first === undefined) return;
  throw new AppError('validation_failed', first.message, { errors: faults });
}
