import { scaleLinear, scaleSymlog } from 'd3-scale';
import type { HistogramResult } from '../schemas.ts';

/** The area of the curves, in pixels. */
export interface PlotBox {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

export interface PlotAxis {
  /** A value's position in pixels. */
  at(value: number): number;
  ticks: { at: number; label: string }[];
}

/** Pixels that a tick and its label need. */
const X_SPACING = 56;
const Y_SPACING = 46;

const COUNTS = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });
const SHARES = new Intl.NumberFormat('en', { style: 'percent', maximumSignificantDigits: 3 });

/** The axis of levels. A range of all levels is divided into quarters, one of hues into sixths. */
export function levelAxis(low: number, high: number, { left, right }: PlotBox): PlotAxis {
  const scale = scaleLinear([low, high], [left, right]);
  const maxTicks = Math.max(2, Math.floor((right - left) / X_SPACING));
  const values = wholeRangeTicks(low, high).filter((_, i, all) => maxTicks >= all.length || i % 2 === 0);
  const format = scale.tickFormat(maxTicks);
  return values.length > 0 ? axis(scale, values, String) : axis(scale, scale.ticks(maxTicks), format);
}

function axis(at: (value: number) => number, values: number[], format: (value: number) => string): PlotAxis {
  return { at, ticks: values.map((value) => ({ at: at(value), label: format(value) })) };
}

function wholeRangeTicks(low: number, high: number): number[] {
  if (low !== 0) return [];
  if (high === 360) return [0, 60, 120, 180, 240, 300, 360];
  // The highest level is labelled, not the edge after it.
  return high === 256 || high === 65_536 ? [0, high / 4, high / 2, (3 * high) / 4, high - 1] : [];
}

/** The axis of counts, from 0 to the highest one drawn. */
export function countAxis(
  result: HistogramResult,
  highest: number,
  scale: 'linear' | 'log',
  box: PlotBox,
): PlotAxis {
  const top = highest > 0 ? highest : 1;
  const range = [box.bottom, box.top];
  const maxTicks = Math.max(2, Math.floor((box.bottom - box.top) / Y_SPACING));
  const linear = scaleLinear([0, top], range);
  const { format } = result.normalized ? SHARES : COUNTS;
  if (scale === 'linear') {
    const values = linear.ticks(maxTicks).filter((value) => result.normalized || Number.isInteger(value));
    return axis(linear, values, format);
  }
  // log(1 + n / unit) with a unit of one pixel, because empty bins have no logarithm.
  const unit = result.normalized ? 1 / Math.max(1, result.pixels) : 1;
  const log = scaleSymlog([0, top], range).constant(unit);
  const powers = powersOfTen(unit, top);
  const step = Math.ceil(powers.length / maxTicks);
  return axis(log, [0, ...powers.filter((_, i) => i % step === 0)], format);
}

function powersOfTen(low: number, high: number): number[] {
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const last = Math.floor(Math.log10(high) + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => 10 ** (first + i));
}
