import { canonicalColor, isOpaqueColor } from '../../core/color.ts';
import type { AppError } from '../../core/errors.ts';
import { parameterErrors, parameterFault, Words } from '../../core/faults.ts';
import { respelledChoice } from '../../core/spellings.ts';
import { didYouMean, suggestChoice } from '../../core/suggestion.ts';
import { COLOR_TABLES } from './colormap-tables.ts';

export interface ColorStop {
  /** A grey level. */
  position: number;
  /** `#rrggbb` in sRGB. */
  color: string;
}

/** How grey levels become colours. */
export interface Colormap {
  name: string;
  description: string;
  /** For a map that is published as a table: samples at every 32nd level and at 255. */
  stops: readonly ColorStop[];
  /** 256 × RGB, 8 bits each: the colour of each grey level. */
  table: Uint8Array;
}

export const DEFAULT_COLORMAP = 'core';

const REVERSED = '_r';
const MAX_STOPS = 256;
const MAX_TEXT = 8192;

const PIECEWISE = [
  {
    name: 'core',
    description: 'Black, brown, ochre, straw, white: the colours of rock in a core box.',
    stops: '0:#000000,64:#5b2c0b,128:#c8761b,192:#f4d35e,255:#ffffff',
  },
  {
    name: 'grey',
    description: 'Grey levels as they are stored.',
    stops: '0:#000000,255:#ffffff',
  },
  {
    name: 'borehole',
    description: 'Dark brown through amber to pale yellow, as borehole image logs are classically shown.',
    stops: '0:#1a0800,64:#6b2e05,128:#c46a0a,192:#f5b83d,255:#fff6c8',
  },
];

const TABLE_DESCRIPTIONS: Record<keyof typeof COLOR_TABLES, string> = {
  viridis: 'Purple, green, yellow; perceptually uniform, readable by colour-blind people.',
  magma: 'Black, purple, orange, cream; perceptually uniform.',
  inferno: 'Black, purple, orange, yellow; perceptually uniform.',
  turbo: 'A rainbow with smoothly varying lightness, for fine differences.',
};

/** `#rrggbb` as three integers. */
function channels(color: string): number[] {
  const value = Number.parseInt(color.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** The table of stops with rising positions: linear in sRGB, rounded half up; constant before the first and after the last. */
function interpolate(stops: readonly ColorStop[]): Uint8Array {
  const table = new Uint8Array(768);
  for (let level = 0; level < 256; level++) {
    const above = stops.findIndex((stop) => stop.position >= level);
    const to = (above < 0 ? stops.at(-1) : stops[above]) as ColorStop;
    const from = above <= 0 ? to : (stops[above - 1] as ColorStop);
    const distance = to.position - from.position;
    const [a, b] = [channels(from.color), channels(to.color)];
    for (let channel = 0; channel < 3; channel++) {
      const start = a[channel] as number;
      const end = b[channel] as number;
      const sum = start * (to.position - level) + end * (level - from.position);
      table[3 * level + channel] = distance === 0 ? end : Math.floor((2 * sum + distance) / (2 * distance));
    }
  }
  return table;
}

function sampleStops(table: Uint8Array): ColorStop[] {
  const positions = Array.from({ length: 9 }, (_, index) => Math.min(255, 32 * index));
  return positions.map((position) => ({
    position,
    color: `#${Buffer.from(table.subarray(3 * position, 3 * position + 3)).toString('hex')}`,
  }));
}

function reverse(map: Colormap): Colormap {
  const table = new Uint8Array(768);
  for (let level = 0; level < 256; level++) {
    table.set(map.table.subarray(3 * level, 3 * level + 3), 3 * (255 - level));
  }
  const stops = map.stops.map(({ position, color }) => ({ position: 255 - position, color })).reverse();
  return { name: `${map.name}${REVERSED}`, description: `${map.description} Reversed.`, stops, table };
}

/** The named maps in the order of the list. Each also exists reversed, as `NAME_r`. */
export const COLORMAPS: readonly Colormap[] = [
  ...PIECEWISE.map((map) => colormapFromStops(parseStops(map.stops), map)),
  ...Object.entries(TABLE_DESCRIPTIONS).map(([name, description]) => {
    const table = Uint8Array.from(Buffer.from(COLOR_TABLES[name as keyof typeof COLOR_TABLES], 'base64'));
    return { name, description, stops: sampleStops(table), table };
  }),
];

const BY_NAME = new Map(COLORMAPS.flatMap((map) => [map, reverse(map)]).map((map) => [map.name, map]));

/**
 * Finds a map by its name, or makes one from stops: as text, `0:#000000,255:#ffffff`, or as JSON, `[{"position": 0,
 * "color": "#000000"}, …]` or `[[0, "#000000"], …]`. There are at least two stops; positions are rising integers from 0 to
 * 255, colours are opaque (`core/color.ts`). Levels outside the stops get the colour of the nearest stop.
 * @throws AppError `validation_failed` at `/colormap`
 */
export function findColormap(text: string): Colormap {
  const names = [...BY_NAME.keys()];
  const named = BY_NAME.get(respelledChoice(text, names) ?? '');
  if (named) return named;
  if (text.length > MAX_TEXT)
    throw invalid(`at most ${MAX_TEXT} characters`, new Words(`${text.length} characters`));
  const isJson = text.trimStart().startsWith('[');
  if (!isJson && !text.includes(':')) {
    const expected = `one of ${names.join(', ')}, or stops like 0:#000000,255:#ffffff`;
    throw invalid(expected, text, didYouMean(suggestChoice(text, names)));
  }
  const custom = { name: 'custom', description: 'The stops given in the request.' };
  return colormapFromStops(isJson ? parseJson(text) : parseStops(text), custom);
}

/** Stops as text, `0:#000000,255:#ffffff`, without any check. */
function parseStops(text: string): unknown[] {
  return text.split(',').map((entry) => {
    const colon = entry.indexOf(':');
    const position = entry.slice(0, Math.max(0, colon)).trim();
    return [/^\d{1,3}$/.test(position) ? Number(position) : position, entry.slice(colon + 1).trim()];
  });
}

function colormapFromStops(
  value: unknown,
  { name, description }: Pick<Colormap, 'name' | 'description'>,
): Colormap {
  if (!Array.isArray(value) || value.length < 2 || value.length > MAX_STOPS) {
    throw invalid(`an array of 2 to ${MAX_STOPS} stops`, value);
  }
  const stops = value.map(readStop);
  for (const [index, stop] of stops.entries()) {
    const before = stops[index - 1];
    if (before && before.position >= stop.position) {
      throw invalid(`an integer above ${before.position} as the next position`, stop.position);
    }
  }
  return { name, description, stops, table: interpolate(stops) };
}

function readStop(value: unknown): ColorStop {
  const [position, color]: [unknown, unknown] = Array.isArray(value)
    ? [value[0], value[1]]
    : typeof value === 'object' && value !== null && 'position' in value && 'color' in value
      ? [value.position, value.color]
      : [undefined, undefined];
  if (typeof position !== 'number' || !Number.isInteger(position) || position < 0 || position > 255) {
    throw invalid('an integer from 0 to 255 as a position', position ?? value);
  }
  if (typeof color !== 'string' || !isOpaqueColor(color)) {
    throw invalid('colours such as red, #336699 or 369 without transparency', color);
  }
  return { position, color: canonicalColor(color) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid('a JSON array of stops', text);
  }
}

function invalid(expected: string, received: unknown, hint = ''): AppError {
  const { path, message } = parameterFault('/colormap', expected, received);
  return parameterErrors([{ path, message: message + hint }]);
}

/** One table for both: `levels` (see normalize.ts) maps grey levels, then `table` gives them colours. */
export function composeTables(levels: Uint8Array, table: Uint8Array): Uint8Array {
  const composed = new Uint8Array(768);
  for (let level = 0; level < 256; level++) {
    const at = 3 * (levels[level] as number);
    composed.set(table.subarray(at, at + 3), 3 * level);
  }
  return composed;
}
