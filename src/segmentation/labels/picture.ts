/** Decoded pixels: 8 bits, row-major and interleaved; colour is sRGB. */
export interface Picture {
  width: number;
  height: number;
  /** 1 grey, 2 grey and alpha, 3 red, green, blue, 4 with alpha. */
  channels: 1 | 2 | 3 | 4;
  /** H×W×channels. */
  data: Uint8Array;
}

/** Number of channels that are colour: 1 or 3. */
export function colorChannels(picture: Picture): 1 | 3 {
  return picture.channels < 3 ? 1 : 3;
}

/** Index of the alpha channel, or -1. */
export function alphaChannel(picture: Picture): number {
  return picture.channels % 2 === 0 ? picture.channels - 1 : -1;
}

/** Pixels (1) whose alpha is 0, so that their colour is invisible; null if there is no such pixel. */
export function transparentPixels(picture: Picture): Uint8Array | null {
  const { width, height, channels, data } = picture;
  const alpha = alphaChannel(picture);
  if (alpha < 0) return null;
  let hidden: Uint8Array | null = null;
  for (let i = 0, j = alpha; j < data.length; i++, j += channels) {
    if (data[j] === 0) {
      hidden ??= new Uint8Array(width * height);
      hidden[i] = 1;
    }
  }
  return hidden;
}
