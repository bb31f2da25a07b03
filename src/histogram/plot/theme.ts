/**
 * The blend of red, green and blue is a neutral grey; all other colours differ from them and from each other.
 */
export const PALETTES = {
  light: {
    background: '#ffffff',
    text: '#1b1f24',
    /** Colour of axis labels and notes. */
    muted: '#5f6b7a',
    grid: '#e8ebef',
    axis: '#aab3bf',
    /** How filled curves mix: light adds up on a dark background, ink subtracts on a white one. */
    blend: 'multiply',
    fillOpacity: 0.5,
    channels: {
      red: '#e5383b',
      green: '#2fa84f',
      blue: '#2f6fed',
      alpha: '#9aa4b2',
      grey: '#4b5563',
      luminance: '#374151',
      hue: '#8b5cf6',
      saturation: '#d946a6',
      value: '#d97706',
    },
  },
  dark: {
    background: '#14171c',
    text: '#f2f4f7',
    muted: '#98a2b3',
    grid: '#252a32',
    axis: '#4a5361',
    blend: 'screen',
    fillOpacity: 0.55,
    channels: {
      red: '#ff4d4f',
      green: '#35d467',
      blue: '#4d84ff',
      alpha: '#7b8696',
      grey: '#c3cad5',
      luminance: '#e3e8ef',
      hue: '#a78bfa',
      saturation: '#f472b6',
      value: '#fbbf24',
    },
  },
};
export type Palette = (typeof PALETTES)[keyof typeof PALETTES];
