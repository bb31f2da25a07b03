import { parameterError } from '../../core/faults.ts';
import type { Size } from '../../pictures/types.ts';
import type { At } from './operation.ts';

/** Places in a picture, by compass point. */
export const GRAVITIES = [
  'center',
  'north',
  'northeast',
  'east',
  'southeast',
  'south',
  'southwest',
  'west',
  'northwest',
] as const;
export type Gravity = (typeof GRAVITIES)[number];

/** Ways to find the interesting part of a picture (libvips `smartcrop`). */
const STRATEGIES = ['attention', 'entropy'] as const;
export type Strategy = (typeof STRATEGIES)[number];

export const POSITIONS = [...GRAVITIES, ...STRATEGIES] as const;

export function isStrategy(position: string): position is Strategy {
  return (STRATEGIES as readonly string[]).includes(position);
}

/** A part of a picture, or something that lies on it, in pixels from the picture's top left corner. */
export interface Box extends Size {
  left: number;
  top: number;
}

/** The part of a box that is in the picture; its width or height is not positive if they do not overlap. */
export function clipBox({ left, top, width, height }: Box, picture: Size): Box {
  const [x, y] = [Math.max(0, left), Math.max(0, top)];
  return {
    left: x,
    top: y,
    width: Math.min(picture.width, left + width) - x,
    height: Math.min(picture.height, top + height) - y,
  };
}

/** @throws AppError `validation_failed` for a box that is larger than the picture */
export function checkSides(box: Size, picture: Size, at: At): void {
  for (const side of ['width', 'height'] as const) {
    const limit = picture[side];
    if (box[side] > limit) {
      throw parameterError(at(side), `an integer of at most ${limit}, the picture's ${side},`, box[side]);
    }
  }
}

/**
 * Top left corner of a box that is placed in a picture by gravity, in pixels; negative if the box is larger.
 *
 * @param margin distance in pixels from the edges that the gravity names
 */
export function placeByGravity(
  outer: Size,
  box: Size,
  gravity: Gravity,
  margin = 0,
): { left: number; top: number } {
  const along = (space: number, atStart: boolean, atEnd: boolean) => {
    if (atStart) return margin;
    return atEnd ? space - margin : Math.floor(space / 2);
  };
  return {
    left: along(outer.width - box.width, gravity.endsWith('west'), gravity.endsWith('east')),
    top: along(outer.height - box.height, gravity.startsWith('north'), gravity.startsWith('south')),
  };
}
