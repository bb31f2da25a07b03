import { defineOperation } from './operation.ts';

export const negate = defineOperation({
  name: 'negate',
  summary: 'Inverts the colours.',
  description: 'Transparency stays.',
  params: {},
  compile: () => (image) => image.negate({ alpha: false }),
});
