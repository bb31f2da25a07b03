/**
 * ICC profiles (ICC.1:2022) that describe the colours of files that say in other ways what their numbers mean.
 */

/** Chromaticities x and y of white, red, green and blue. */
export interface Primaries {
  white: Chromaticity;
  red: Chromaticity;
  green: Chromaticity;
  blue: Chromaticity;
}
type Chromaticity = readonly [x: number, y: number];

/** ITU-R BT.709, which sRGB shares. */
export const SRGB_PRIMARIES: Primaries = {
  white: [0.3127, 0.329],
  red: [0.64, 0.33],
  green: [0.3, 0.6],
  blue: [0.15, 0.06],
};

/** From levels to light: the curve of sRGB, or a power. */
export type ToneCurve = 'srgb' | { gamma: number };

type Vector = [number, number, number];
type Matrix = [Vector, Vector, Vector];

/** White of the profile connection space. */
const D50: Vector = [0.9642, 1, 0.8249];

/** Linear Bradford adaptation, annex E. */
const BRADFORD: Matrix = [
  [0.8951, 0.2664, -0.1614],
  [-0.7502, 1.7135, 0.0367],
  [0.0389, -0.0685, 1.0296],
];

/**
 * The profile of RGB numbers.
 *
 * @returns undefined if the chromaticities do not span colours
 */
export function rgbProfile(primaries: Primaries, curve: ToneCurve): Buffer | undefined {
  const columns = colorants(primaries);
  return columns && rgbProfileOf(columns, curveTag(curve));
}

/** The profile of grey numbers. */
export function greyProfile(curve: ToneCurve): Buffer {
  return writeProfile('GRAY', [
    ['wtpt', xyzTag(D50)],
    ['kTRC', curveTag(curve)],
  ]);
}

/**
 * The profile of RGB numbers that gives to equal red, green and blue what a grey profile gives to the same grey.
 *
 * @returns undefined if the profile is not one of a curve for grey
 */
export function rgbProfileOfGrey(profile: Buffer): Buffer | undefined {
  if (profile.length < 132 || profile.toString('latin1', 16, 24) !== 'GRAYXYZ ') return undefined;
  const tags = Math.min(profile.readUInt32BE(128), 100);
  for (let at = 132; at + 12 <= Math.min(profile.length, 132 + 12 * tags); at += 12) {
    if (profile.toString('latin1', at, at + 4) !== 'kTRC') continue;
    const offset = profile.readUInt32BE(at + 4);
    const curve = profile.subarray(offset, offset + profile.readUInt32BE(at + 8));
    const columns = colorants(SRGB_PRIMARIES);
    return columns && rgbProfileOf(columns, curve);
  }
  return undefined;
}

function rgbProfileOf([red, green, blue]: Matrix, curve: Buffer): Buffer {
  return writeProfile('RGB ', [
    ['wtpt', xyzTag(D50)],
    ['rXYZ', xyzTag(red)],
    ['gXYZ', xyzTag(green)],
    ['bXYZ', xyzTag(blue)],
    ['rTRC', curve],
    ['gTRC', curve],
    ['bTRC', curve],
  ]);
}

/** Red, green and blue at their maximum, as XYZ relative to D50. */
function colorants({ white, red, green, blue }: Primaries): Matrix | undefined {
  const whitePoint = toXyz(white);
  const inverse = invert(columnsOf(toXyz(red), toXyz(green), toXyz(blue)));
  const toCone = (xyz: Vector) => multiply(BRADFORD, xyz);
  const fromCone = invert(BRADFORD);
  if (inverse === undefined || fromCone === undefined) return undefined;
  const amounts = multiply(inverse, whitePoint);
  const [from, to] = [toCone(whitePoint), toCone(D50)];
  const adapted = [red, green, blue].map((primary, i) => {
    const cone = toCone(scale(toXyz(primary), amounts[i] ?? 0));
    return multiply(
      fromCone,
      [0, 1, 2].map((j) => ((cone[j] ?? 0) * (to[j] ?? 0)) / (from[j] ?? 1)) as Vector,
    );
  }) as Matrix;
  const isUsable = adapted.flat().every((value) => Math.abs(value) < 4);
  return isUsable ? adapted : undefined;
}

function toXyz([x, y]: Chromaticity): Vector {
  return [x / y, 1, (1 - x - y) / y];
}

function scale(vector: Vector, factor: number): Vector {
  return vector.map((value) => value * factor) as Vector;
}

function columnsOf(a: Vector, b: Vector, c: Vector): Matrix {
  return [0, 1, 2].map((row) => [a[row], b[row], c[row]]) as Matrix;
}

function multiply(matrix: Matrix, vector: Vector): Vector {
  return matrix.map((row) => row.reduce((sum, value, i) => sum + value * (vector[i] ?? 0), 0)) as Vector;
}

/** By the adjugate; undefined if the matrix has no inverse. */
function invert([[a, b, c], [d, e, f], [g, h, i]]: Matrix): Matrix | undefined {
  const determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  if (!(Math.abs(determinant) > 1e-9)) return undefined;
  const adjugate: Matrix = [
    [e * i - f * h, c * h - b * i, b * f - c * e],
    [f * g - d * i, a * i - c * g, c * d - a * f],
    [d * h - e * g, b * g - a * h, a * e - b * d],
  ];
  return adjugate.map((row) => scale(row, 1 / determinant)) as Matrix;
}

function curveTag(curve: ToneCurve): Buffer {
  // Parametric curves: type 0 is a power, type 3 the one of IEC 61966-2-1.
  const [type, parameters] =
    curve === 'srgb' ? [3, [2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045]] : [0, [curve.gamma]];
  const tag = Buffer.alloc(12 + 4 * parameters.length);
  tag.write('para', 'latin1');
  tag.writeUInt16BE(type, 8);
  parameters.forEach((value, i) => {
    writeFixed(tag, value, 12 + 4 * i);
  });
  return tag;
}

function xyzTag(xyz: Vector): Buffer {
  const tag = Buffer.alloc(20);
  tag.write('XYZ ', 'latin1');
  xyz.forEach((value, i) => {
    writeFixed(tag, value, 8 + 4 * i);
  });
  return tag;
}

/** A number in 1/65536. */
function writeFixed(bytes: Buffer, value: number, offset: number): void {
  bytes.writeInt32BE(Math.round(value * 65_536), offset);
}

function writeProfile(
  space: 'RGB ' | 'GRAY',
  tags: readonly (readonly [name: string, data: Buffer])[],
): Buffer {
  const table = Buffer.alloc(4 + 12 * tags.length);
  table.writeUInt32BE(tags.length);
  const parts: Buffer[] = [];
  let offset = 128 + table.length;
  tags.forEach(([name, data], i) => {
    table.write(name, 4 + 12 * i, 'latin1');
    table.writeUInt32BE(offset, 8 + 12 * i);
    table.writeUInt32BE(data.length, 12 + 12 * i);
    const padding = Buffer.alloc(-data.length & 3);
    parts.push(data, padding);
    offset += data.length + padding.length;
  });
  const header = Buffer.alloc(128);
  header.writeUInt32BE(offset);
  // Version 4.3, of a display device.
  header.writeUInt32BE(0x04300000, 8);
  header.write(`mntr${space}XYZ `, 12, 'latin1');
  header.write('acsp', 36, 'latin1');
  D50.forEach((value, i) => {
    writeFixed(header, value, 68 + 4 * i);
  });
  return Buffer.concat([header, table, ...parts]);
}
