export type Attributes = Readonly<Record<string, string | number>>;

/** An SVG element; numbers are rounded to hundredths of a pixel, attribute values escaped, children taken as they are. */
export function element(name: string, attributes: Attributes, children?: readonly string[]): string {
  const written = Object.entries(attributes)
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? round(value) : textNode(value)}"`)
    .join('');
  return children === undefined
    ? `<${name}${written}/>`
    : `<${name}${written}>${children.join('')}</${name}>`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Text without the control characters that XML 1.0 cannot hold, and with its markup escaped. */
export function textNode(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '')
    .replace(/[&<>"]/g, (character) => ENTITIES[character] ?? character);
}
