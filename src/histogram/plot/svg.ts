type Attributes = Readonly<Record<string, string | number>>;

/** An SVG element. Numbers are rounded to hundredths of a pixel and attributes are escaped; children must already be. */
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

/** A `text` element with one text. */
export function label(attributes: Attributes, text: string): string {
  return element('text', attributes, [textNode(text)]);
}

/** Escaped text, without the control characters that XML 1.0 forbids. */
export function textNode(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '')
    .replace(/[&<>"]/g, (character) => ENTITIES[character] ?? character);
}
