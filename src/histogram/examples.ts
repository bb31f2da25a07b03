import type { Examples } from '../work/routes.ts';

/** Bodies to try, shown in the docs. A test sends each of them. */
export const HISTOGRAM_EXAMPLES: Examples = {
  percentiles: { summary: 'The ends of the scale', value: { percentiles: [1, 99] } },
  luminance: { summary: 'Luminance in few bins', value: { channels: ['luminance'], bins: 32 } },
};
