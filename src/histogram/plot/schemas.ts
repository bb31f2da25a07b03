import { type Static, Type } from '@sinclair/typebox';
import { ObjectWithDefaults, StringEnum } from '../../core/schema.ts';

export const PLOT_THEMES = ['light', 'dark'] as const;
export const PLOT_SCALES = ['linear', 'log'] as const;

export const PlotParamsSchema = ObjectWithDefaults({
  width: Type.Integer({
    minimum: 64,
    maximum: 4096,
    default: 800,
    description: 'Width of the plot in pixels. A plot less than 280 pixels wide has no text.',
    examples: [640],
  }),
  height: Type.Integer({
    minimum: 48,
    maximum: 4096,
    default: 400,
    description: 'Height of the plot in pixels. A plot less than 160 pixels high has no text.',
    examples: [320],
  }),
  theme: StringEnum(PLOT_THEMES, {
    default: 'light',
    description:
      '`light`: dark curves on white, darker where they overlap; `dark`: light curves on a dark background, lighter where they overlap.',
    examples: ['dark'],
  }),
  scale: StringEnum(PLOT_SCALES, {
    default: 'linear',
    description: 'Height of a bin: proportional to its count, or to log(1 + count), which shows rare levels.',
    examples: ['log'],
  }),
  format: StringEnum(['svg', 'png'], {
    default: 'svg',
    description: 'Format of the plot.',
    examples: ['png'],
  }),
});
export type PlotParams = Static<typeof PlotParamsSchema>;
