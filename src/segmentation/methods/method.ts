import type { ClassMap } from '../labels/components.ts';
import type { Picture } from '../picture.ts';
import type { Found, MethodName, ParamsOf, Point } from '../schemas.ts';

/** What a method works on: the picture, or the reduced copy of it. */
export interface MethodInput {
  picture: Picture;
  /** The picture at full size; the same object where nothing was reduced. */
  original: Picture;
  /** Pixels (1) of `picture` that are fully transparent, to be left out; null where there is none. */
  hidden: Uint8Array | null;
}

export interface Classification {
  /** Class of each pixel of `picture`, or of `original` where the method refined its result. */
  classes: ClassMap;
  found: Found;
  /** Whether `classes` is of the original's size already. */
  isFullSize?: boolean;
}

/** Gives each pixel a class; 0 is background. */
export type Method<Name extends MethodName> = (
  input: MethodInput,
  params: ParamsOf<Name>,
) => Classification | Promise<Classification>;

/** Where a pixel of the original lies in the reduced copy. */
export function scalePoint({ x, y }: Point, { picture, original }: MethodInput): Point {
  return {
    x: Math.min(picture.width - 1, Math.floor(((x + 0.5) * picture.width) / original.width)),
    y: Math.min(picture.height - 1, Math.floor(((y + 0.5) * picture.height) / original.height)),
  };
}

/** Foreground (1) where a level is above the threshold, or (inverted) where it is not. */
export function aboveThreshold(plane: Uint8Array, threshold: number, invert: boolean): Uint8Array {
  const classes = new Uint8Array(plane.length);
  const flip = invert ? 1 : 0;
  // The sign bit of the difference: no branch for noisy levels to mispredict.
  for (let i = 0; i < plane.length; i++) classes[i] = ((threshold - (plane[i] as number)) >>> 31) ^ flip;
  return classes;
}
