import { defineOperation } from './operation.ts';

export const negate = defineOperation({
  name: 'negate',
  summary: 'Inverts the colours.',
  description: 'Transparency is kept.',
  params: {},
  compile: () => (image) => image.negate({ alpha: false }),
});
