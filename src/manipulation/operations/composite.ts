import { type Static, Type } from '@sinclair/typebox';
import { parameterError, Words } from '../../core/faults.ts';
import { StringEnum, Uuid } from '../../core/schema.ts';
import type { Size } from '../../pictures/types.ts';
import { type CompileContext, defineOperation, type Reference, type Report } from './operation.ts';
import { type Box, clipBox, GRAVITIES, placeByGravity } from './placement.ts';

/** Blend modes by their CSS and PDF names (W3C Compositing and Blending), and Porter–Duff operators. */
const BLENDS = [
  'over',
  'multiply',
  'screen',
  'overlay',
  'darken',
  'lighten',
  'color-dodge',
  'color-burn',
  'hard-light',
  'soft-light',
  'difference',
  'exclusion',
  'add',
  'atop',
  'dest-over',
  'dest-in',
  'dest-out',
] as const;

/** These reduce the picture's own opacity. */
const CUTTING: readonly string[] = ['dest-in', 'dest-out'];

const MAX_OFFSET = 65_535;

const Overlay = Type.Unsafe<Reference>({
  type: 'object',
  description: 'The picture to put on top: an image or an artifact. An animation shows its first page.',
  properties: {
    image_id: Uuid({ description: 'An uploaded image.' }),
    artifact_id: Uuid({ description: 'An artifact that is a picture.' }),
  },
  minProperties: 1,
  maxProperties: 1,
  additionalProperties: false,
  examples: [{ image_id: '5c5c1f0e-3f0c-4b0e-9d4e-0d3f6f3a8b11' }],
});

const offset = (description: string) =>
  Type.Optional(Type.Integer({ description, minimum: -MAX_OFFSET, maximum: MAX_OFFSET, examples: [10] }));

const CompositeParams = Type.Object({
  overlay: Overlay,
  gravity: Type.Optional(
    StringEnum(GRAVITIES, {
      description: 'Position of the overlay; `center` unless `left` and `top` are given.',
      examples: ['southeast'],
    }),
  ),
  margin: Type.Integer({
    description: 'Distance in pixels from the edges that `gravity` names.',
    minimum: 0,
    maximum: MAX_OFFSET,
    default: 0,
    examples: [16],
  }),
  left: offset("The overlay's left edge in pixels from the picture's left; may be negative."),
  top: offset("The overlay's top edge in pixels from the picture's top; may be negative."),
  scale: Type.Optional(
    Type.Number({
      description:
        "Width of the overlay as a fraction of the picture's width. Without it, the overlay keeps its own size.",
      exclusiveMinimum: 0,
      maximum: 1,
      examples: [0.25],
    }),
  ),
  opacity: Type.Number({
    description: 'Opacity of the overlay, from 0 (invisible) to 1.',
    minimum: 0,
    maximum: 1,
    default: 1,
    examples: [0.5],
  }),
  blend: StringEnum(BLENDS, {
    description:
      'How colours are blended. `dest-in` keeps the picture only under opaque parts of the overlay, `dest-out` only under transparent ones.',
    default: 'over',
    examples: ['multiply'],
  }),
  tile: Type.Boolean({
    description: 'Repeat the overlay over the whole picture, starting at `gravity`.',
    default: false,
    examples: [true],
  }),
});

type CompositeParams = Static<typeof CompositeParams>;

export const composite = defineOperation({
  name: 'composite',
  summary: 'Puts another picture on top, for example a watermark.',
  description:
    'The overlay is placed by `gravity` and `margin`, or by `left` and `top`. It is cut off at the edges of the picture; one that lies wholly outside is refused.',
  params: CompositeParams.properties,
  addsAlpha: ({ blend }) => CUTTING.includes(blend),
  grey: () => 'loses',
  inputs: ({ overlay }) => [overlay],
  validate: checkPlacement,
  canonicalize({ gravity, overlay, ...rest }) {
    const params = { ...rest, overlay: inLowerCase(overlay) };
    return rest.left === undefined ? { ...params, gravity: gravity ?? 'center' } : params;
  },
  async compile(params, context) {
    const { blend, tile, gravity = 'center' } = params;
    const { data, box } = await overlayPixels(params, context);
    const overlay = {
      input: data,
      raw: { width: box.width, height: box.height, channels: 4 as const },
      blend,
      ...(tile
        ? { tile, gravity: gravity === 'center' ? 'centre' : gravity }
        : { left: box.left, top: box.top }),
    };
    // sharp always adds an alpha channel.
    const isOpaque = !context.hasAlpha && !CUTTING.includes(blend);
    return (image) => (isOpaque ? image.composite([overlay]).removeAlpha() : image.composite([overlay]));
  },
});

/** Ids have one spelling in a canonical pipeline. */
function inLowerCase(reference: Reference): Reference {
  return 'image_id' in reference
    ? { image_id: reference.image_id.toLowerCase() }
    : { artifact_id: reference.artifact_id.toLowerCase() };
}

function checkPlacement({ gravity, margin, left, top, tile }: CompositeParams, report: Report): void {
  const hasOffset = left !== undefined || top !== undefined;
  if (hasOffset && left === undefined) report('left', 'a value together with top', left);
  if (hasOffset && top === undefined) report('top', 'a value together with left', top);
  if (hasOffset && gravity !== undefined)
    report('gravity', 'nothing, because left and top are given,', gravity);
  if (hasOffset && tile) report('tile', 'false, because left and top are given,', tile);
  if (hasOffset && margin > 0) report('margin', '0, because left and top are given,', margin);
  else if (tile && margin > 0) report('margin', '0, because tile is true,', margin);
}

/** The part of the overlay that lies in the picture (H×W×4, row-major), and its place there. */
async function overlayPixels(
  params: CompositeParams,
  context: CompileContext,
): Promise<{ data: Buffer; box: Box }> {
  const { overlay, scale, opacity } = params;
  const { image, size: natural } = await context.openInput(overlay);
  const size =
    scale === undefined ? natural : scaledTo(natural, Math.max(1, Math.round(context.size.width * scale)));
  if (size.width * size.height > context.maxPixels) {
    throw parameterError(
      context.at('scale'),
      `an overlay of at most ${context.maxPixels} pixels`,
      new Words(`one of ${size.width}×${size.height}`),
      'output_too_large',
    );
  }
  const { box, part } = visiblePart(params, size, context);
  const scaled = scale === undefined ? image : image.resize({ ...size, fit: 'fill' });
  const data = await scaled.extract(part).ensureAlpha().raw().toBuffer();
  if (opacity < 1) {
    for (let index = 3; index < data.length; index += 4)
      data[index] = Math.round((data[index] ?? 0) * opacity);
  }
  return { data, box };
}

function scaledTo(size: Size, width: number): Size {
  return { width, height: Math.max(1, Math.round((size.height * width) / size.width)) };
}

/** The visible part of the overlay: `box` in the picture's coordinates, `part` in the overlay's. */
function visiblePart(
  params: CompositeParams,
  overlay: Size,
  { size, at }: CompileContext,
): { box: Box; part: Box } {
  const { gravity = 'center', margin } = params;
  const place =
    params.left !== undefined && params.top !== undefined
      ? { left: params.left, top: params.top }
      : placeByGravity(size, overlay, gravity, margin);
  const box = clipBox({ ...overlay, ...place }, size);
  if (box.width < 1 || box.height < 1) {
    const parameter = params.left === undefined ? 'margin' : box.width < 1 ? 'left' : 'top';
    throw parameterError(
      at(parameter),
      `a value that keeps part of the overlay (${overlay.width}×${overlay.height}) inside the picture (${size.width}×${size.height})`,
      params[parameter],
    );
  }
  return { box, part: { ...box, left: box.left - place.left, top: box.top - place.top } };
}
