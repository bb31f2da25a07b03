import type { MethodName } from '../schemas.ts';
import { color } from './color.ts';
import { grabcut } from './grabcut.ts';
import { kmeans } from './kmeans.ts';
import type { Method } from './method.ts';
import { multiOtsu } from './multi-otsu.ts';
import { otsu } from './otsu.ts';
import { threshold } from './threshold.ts';
import { watershed } from './watershed.ts';

/** Every method by its name; one that is missing does not compile. */
export const METHODS = {
  otsu,
  threshold,
  multi_otsu: multiOtsu,
  kmeans,
  watershed,
  grabcut,
  color,
} satisfies { [Name in MethodName]: Method<Name> };
