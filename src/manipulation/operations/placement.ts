import type { Size } from '../../pictures/types.ts';

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
export const STRATEGIES = ['attention', 'entropy'] as const;
export type Strategy = (typeof STRATEGIES)[number];

export const POSITIONS = [...GRAVITIES, ...STRATEGIES] as const;
export type Position = (typeof POSITIONS)[number];

export function isStrategy(position: string): position is Strategy {
  return (STRATEGIES as readonly string[]).includes(position);
}

/**
 * Top left corner of a box that lies in a picture by gravity, in pixels; negative where the box is the larger one.
 *
 * @param margin pixels kept from the edges that the gravity names
 */
export function placeByGravity(
  outer: Size,
  box: Size,
  gravity: Gravity,
  margin = 0,
): { left: number; top: number } {
  const along = (space: number, atStart: boolean, atEnd: boolean) => {
    if (atStart) return margin;
    if (atEnd) return space - margin;
    return Math.floor(space / 2);
  };
  return {
    left: along(outer.width - box.width, gravity.endsWith('west'), gravity.endsWith('east')),
    top: along(outer.height - box.height, gravity.startsWith('north'), gravity.startsWith('south')),
  };
}
