import { color } from './color.ts';
import { grabcut } from './grabcut.ts';
import { kmeans } from './kmeans.ts';
import { multiOtsu } from './multi-otsu.ts';
import { otsu } from './otsu.ts';
import { threshold } from './threshold.ts';
import { watershed } from './watershed.ts';

/** Every method by name, in the order of the docs. */
export const METHODS = { otsu, threshold, multi_otsu: multiOtsu, kmeans, watershed, grabcut, color };

export type MethodName = keyof typeof METHODS;
export const METHOD_NAMES = Object.keys(METHODS) as MethodName[];
