import type { GifFacts } from './gif.ts';
import type { TiffSamples } from './tiff-samples.ts';

/**
 * What libvips does not do by itself to show a picture as its file says.
 *
 * - `chunk`: a PNG states its colours in other chunks than the one that libvips heeds, `iCCP`
 * - `profile`: the numbers mean the colours of this profile; `isLimited` says that 16 to 235 of 8 bits are black to white
 * - `cmyk`: the inks have no profile, so that they are mixed as browsers do, and not by a profile of some press
 * - `canvas`: the pages of a GIF have transparency that no colour announces
 * - `samples`: the samples of a TIFF are of a kind that libvips takes for another
 */
export type Correction =
  | { kind: 'chunk'; profile: Buffer }
  | { kind: 'profile'; profile: Buffer | undefined; isLimited: boolean }
  | { kind: 'cmyk' }
  | { kind: 'canvas'; gif: GifFacts }
  | { kind: 'samples'; samples: TiffSamples };

/** Whether the pixels themselves are others, not only their colours. */
export function changesPixels(correction: Correction | undefined): boolean {
  return correction?.kind === 'canvas' || correction?.kind === 'samples';
}
