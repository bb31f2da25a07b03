import { type Static, Type } from '@sinclair/typebox';
import { ObjectWithDefaults, StringEnum } from '../../core/schema.ts';

export const PLOT_THEMES = ['light', 'dark'] as const;
export type PlotTheme = (typeof PLOT_THEMES)[number];
export const PLOT_SCALES = ['linear', 'log'] as const;

/** How a histogram is drawn. It does not change what is counted. */
export const PlotParamsSchema = ObjectWithDefaults({
  width: Type.Integer({
    minimum: 64,
    maximum: 4096,
    default: 800,
    description: 'Width of the plot in pixels. Below 280 it has no text.',
    examples: [640],
  }),
  height: Type.Integer({
    minimum: 48,
    maximum: 4096,
    default: 400,
    description: 'Height of the plot in pixels. Below 160 it has no text.',
    examples: [320],
  }),
  theme: StringEnum(PLOT_THEMES, {
    default: 'light',
    description: 'Dark curves that multiply on white paper, or light ones that add up on dark.',
    examples: ['dark'],
  }),
  scale: StringEnum(PLOT_SCALES, {
    default: 'linear',
    description:
      'Height of a bin: in proportion to its count, or to log(1 + count), which shows rare levels.',
    examples: ['log'],
  }),
  format: StringEnum(['svg', 'png'], {
    default: 'svg',
    description: 'Format of the plot.',
    examples: ['png'],
  }),
});
export type PlotParams = Static<typeof PlotParamsSchema>;
