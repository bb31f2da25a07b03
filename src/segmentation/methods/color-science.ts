// sRGB (IEC 61966-2-1) to and from CIELAB under D65 (CIE 15:2004), and the CIEDE2000 difference.

/** L* is 0 to 100; a* and b* are about -128 to 127. */
export type Lab = readonly [number, number, number];

const WHITE_X = 0.950456;
const WHITE_Z = 1.088754;
const EPSILON = 216 / 24389;
const KAPPA = 24389 / 27;

/** Linear light, 0 to 1, of each 8-bit sRGB value. */
const LINEAR = Float64Array.from({ length: 256 }, (_, value) => {
  const v = value / 255;
  return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
});

const labCurve = (t: number) => (t > EPSILON ? Math.cbrt(t) : (KAPPA * t + 16) / 116);

/** CIELAB of an 8-bit sRGB colour. */
export function labOfRgb(red: number, green: number, blue: number): Lab {
  const r = LINEAR[red] ?? 0;
  const g = LINEAR[green] ?? 0;
  const b = LINEAR[blue] ?? 0;
  const fx = labCurve((0.412453 * r + 0.35758 * g + 0.180423 * b) / WHITE_X);
  const fy = labCurve(0.212671 * r + 0.71516 * g + 0.072169 * b);
  const fz = labCurve((0.019334 * r + 0.119193 * g + 0.950227 * b) / WHITE_Z);
  return [116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)];
}

/** Nearest 8-bit sRGB colour of a CIELAB colour; colours outside the gamut are clipped. */
export function rgbOfLab([lightness, a, b]: Lab): [number, number, number] {
  const fy = (lightness + 16) / 116;
  const inverse = (f: number) => (f ** 3 > EPSILON ? f ** 3 : (116 * f - 16) / KAPPA);
  const x = inverse(fy + a / 500) * WHITE_X;
  const y = inverse(fy);
  const z = inverse(fy - b / 200) * WHITE_Z;
  return [
    encodeSrgb(3.240479 * x - 1.53715 * y - 0.498535 * z),
    encodeSrgb(-0.969256 * x + 1.875991 * y + 0.041556 * z),
    encodeSrgb(0.055648 * x - 0.204043 * y + 1.057311 * z),
  ];
}

function encodeSrgb(linear: number): number {
  const v = linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055;
  return Math.round(Math.min(1, Math.max(0, v)) * 255);
}

/** `#rrggbb` of an sRGB colour. */
export function hexOfRgb(rgb: readonly number[]): string {
  return `#${rgb.map((value) => Math.round(value).toString(16).padStart(2, '0')).join('')}`;
}

/** The sRGB colour of `#rrggbb`. */
export function rgbOfHex(hex: string): [number, number, number] {
  const value = Number.parseInt(hex.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

const RADIANS = Math.PI / 180;
const TWENTY_FIVE_TO_7 = 25 ** 7;

/**
 * CIEDE2000 difference of two colours, with all weights 1: equal colours have 0, a just noticeable difference is
 * about 1, black and white have 100. After G. Sharma, W. Wu, E. N. Dalal, "The CIEDE2000 color-difference formula", 2005.
 */
export function deltaE2000([l1, a1, b1]: Lab, [l2, a2, b2]: Lab): number {
  const meanChroma7 = ((Math.hypot(a1, b1) + Math.hypot(a2, b2)) / 2) ** 7;
  const stretch = 1.5 - 0.5 * Math.sqrt(meanChroma7 / (meanChroma7 + TWENTY_FIVE_TO_7));
  const c1 = Math.hypot(a1 * stretch, b1);
  const c2 = Math.hypot(a2 * stretch, b2);
  const h1 = hueAngle(b1, a1 * stretch);
  const h2 = hueAngle(b2, a2 * stretch);

  const isGrey = c1 * c2 === 0;
  let turn = isGrey ? 0 : h2 - h1;
  if (turn > 180) turn -= 360;
  else if (turn < -180) turn += 360;
  let meanHue = h1 + h2;
  if (!isGrey) {
    if (Math.abs(h1 - h2) > 180) meanHue += meanHue < 360 ? 360 : -360;
    meanHue /= 2;
  }
  const meanLightness = (l1 + l2) / 2;
  const meanChroma = (c1 + c2) / 2;
  const t =
    1 -
    0.17 * Math.cos((meanHue - 30) * RADIANS) +
    0.24 * Math.cos(2 * meanHue * RADIANS) +
    0.32 * Math.cos((3 * meanHue + 6) * RADIANS) -
    0.2 * Math.cos((4 * meanHue - 63) * RADIANS);
  const fromMiddle = (meanLightness - 50) ** 2;
  const lightness = (l2 - l1) / (1 + (0.015 * fromMiddle) / Math.sqrt(20 + fromMiddle));
  const chroma = (c2 - c1) / (1 + 0.045 * meanChroma);
  const hue = (2 * Math.sqrt(c1 * c2) * Math.sin((turn / 2) * RADIANS)) / (1 + 0.015 * meanChroma * t);
  const mean7 = meanChroma ** 7;
  const rotation =
    -2 *
    Math.sqrt(mean7 / (mean7 + TWENTY_FIVE_TO_7)) *
    Math.sin(60 * Math.exp(-(((meanHue - 275) / 25) ** 2)) * RADIANS);
  return Math.sqrt(Math.max(0, lightness ** 2 + chroma ** 2 + hue ** 2 + rotation * chroma * hue));
}

function hueAngle(b: number, a: number): number {
  if (a === 0 && b === 0) return 0;
  const degrees = Math.atan2(b, a) / RADIANS;
  return degrees < 0 ? degrees + 360 : degrees;
}
