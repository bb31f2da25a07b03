import { type Primaries, SRGB_PRIMARIES, type ToneCurve } from './icc-profile.ts';

/** Code points of ITU-T H.273 that the `cICP` chunk of a PNG and the `nclx` box of an AVIF hold. */
export interface ColorCodePoints {
  primaries: number;
  transfer: number;
}

/** C is the white of older systems; 11 and 12 share the primaries of P3. */
const [C, D65] = [
  [0.31, 0.316],
  [0.3127, 0.329],
] as const;

/** Table 2. Not specified (2) means sRGB. */
const PRIMARIES: Partial<Record<number, Primaries>> = {
  1: SRGB_PRIMARIES,
  2: SRGB_PRIMARIES,
  4: { white: C, red: [0.67, 0.33], green: [0.21, 0.71], blue: [0.14, 0.08] },
  5: { white: D65, red: [0.64, 0.33], green: [0.29, 0.6], blue: [0.15, 0.06] },
  6: { white: D65, red: [0.63, 0.34], green: [0.31, 0.595], blue: [0.155, 0.07] },
  7: { white: D65, red: [0.63, 0.34], green: [0.31, 0.595], blue: [0.155, 0.07] },
  8: { white: C, red: [0.681, 0.319], green: [0.243, 0.692], blue: [0.145, 0.049] },
  9: { white: D65, red: [0.708, 0.292], green: [0.17, 0.797], blue: [0.131, 0.046] },
  11: { white: [0.314, 0.351], red: [0.68, 0.32], green: [0.265, 0.69], blue: [0.15, 0.06] },
  12: { white: D65, red: [0.68, 0.32], green: [0.265, 0.69], blue: [0.15, 0.06] },
  22: { white: D65, red: [0.63, 0.34], green: [0.295, 0.605], blue: [0.155, 0.077] },
};

/** Table 3. */
const TRANSFERS: Partial<Record<number, ToneCurve | 'video'>> = {
  1: 'video',
  2: 'srgb',
  4: { gamma: 2.2 },
  5: { gamma: 2.8 },
  6: 'video',
  8: { gamma: 1 },
  13: 'srgb',
  14: 'video',
  15: 'video',
};

const HIGH_DYNAMIC_RANGE: Partial<Record<number, string>> = { 16: 'PQ', 18: 'HLG' };

/** The curve of displays for video, ITU-R BT.1886. */
export const BT1886: ToneCurve = { gamma: 2.4 };

/**
 * What code points mean; undefined if it is sRGB.
 *
 * @param videoCurve the curve of video (BT.709): browsers take it for sRGB in AVIF, and in PNG for that of a display, BT.1886
 * @throws Error for those that cannot be shown in 8-bit sRGB as they are meant
 */
export function meaningOf(
  { primaries, transfer }: ColorCodePoints,
  videoCurve: ToneCurve,
): { primaries: Primaries; curve: ToneCurve } | undefined {
  const system = HIGH_DYNAMIC_RANGE[transfer];
  if (system !== undefined) {
    throw new Error(
      `it has a high dynamic range (${system}), which is not read; save it as SDR in sRGB or Display P3`,
    );
  }
  const colors = PRIMARIES[primaries];
  const stated = TRANSFERS[transfer];
  const curve = stated === 'video' ? videoCurve : stated;
  if (colors === undefined || curve === undefined) {
    const [kind, code] =
      colors === undefined ? ['colour primaries', primaries] : ['transfer characteristics', transfer];
    throw new Error(
      `its ${kind} (${code} of ITU-T H.273) are not read; save it in sRGB or with an ICC profile`,
    );
  }
  return colors === SRGB_PRIMARIES && curve === 'srgb' ? undefined : { primaries: colors, curve };
}
