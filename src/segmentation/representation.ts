import { type Static, Type } from '@sinclair/typebox';
import { AppError, type Fault } from '../errors.ts';
import { ObjectWithDefaults, StringEnum } from '../schema.ts';
import { MAX_SEGMENTS } from './schemas.ts';

export const REPRESENTATION_FORMATS = [
  'json',
  'label_map',
  'mask',
  'overlay',
  'coco_rle',
  'coco_uncompressed_rle',
  'coco_polygons',
  'geojson',
  'csv',
] as const;
export type RepresentationFormat = (typeof REPRESENTATION_FORMATS)[number];

export const OVERLAY_FORMATS = ['png', 'webp', 'jpeg'] as const;
export type OverlayFormat = (typeof OVERLAY_FORMATS)[number];

/** Query parameters that say in which form a segmentation is given. */
export const RepresentationQuerySchema = ObjectWithDefaults({
  format: Type.Optional(
    StringEnum(REPRESENTATION_FORMATS, {
      description: `What is given; goes before \`Accept\`. Default: what \`Accept\` prefers, \`json\` where it says nothing.
- \`json\`: the artifact and the segmentation with its segments.
- \`label_map\` (\`image/png\`): each pixel's label, 8 bits, or 16 past 255 labels; 0 is background.
- \`mask\` (PNG): 255 where \`label\` is, or any label; else 0.
- \`overlay\` (PNG, or \`image/webp\`, \`image/jpeg\`): the picture with its segments in colour.
- \`coco_rle\`, \`coco_uncompressed_rle\`, \`coco_polygons\`: a COCO document with the same masks in pycocotools.
- \`geojson\` (\`application/geo+json\`): polygons along pixel edges, with holes, in pixels.
- \`csv\` (\`text/csv\`): the measurements.`,
      examples: ['overlay'],
    }),
  ),
  label: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: MAX_SEGMENTS,
      description: 'The one label of a `mask`. Default: all labels.',
      examples: [1],
    }),
  ),
  opacity: Type.Optional(
    Type.Number({
      minimum: 0,
      maximum: 1,
      description: 'Share of the colours inside the segments of an `overlay`. Default: 0.5.',
      examples: [0.3],
    }),
  ),
  outlines: Type.Optional(
    Type.Boolean({
      description: 'Whether the edge pixels of an `overlay` have their colour in full. Default: true.',
      examples: [false],
    }),
  ),
  overlay_format: Type.Optional(
    StringEnum(OVERLAY_FORMATS, {
      description: 'How an `overlay` is encoded. Default: the one that `Accept` names first, else PNG.',
      examples: ['webp'],
    }),
  ),
});
export type RepresentationQuery = Static<typeof RepresentationQuerySchema>;

type PlainFormat = Exclude<RepresentationFormat, 'mask' | 'overlay'>;

/** One form of a segmentation, complete. */
export type Representation =
  | { [Format in PlainFormat]: { format: Format } }[PlainFormat]
  | { format: 'mask'; label?: number }
  | { format: 'overlay'; opacity: number; outlines: boolean; overlay_format: OverlayFormat };

/** The forms that have no bytes of their own in store. */
export type DerivedRepresentation = Exclude<Representation, { format: 'json' | 'label_map' }>;

/** Which form each media type of `Accept` stands for, the preferred one of equals first. */
export const FORMAT_OF_TYPE = {
  'application/json': 'json',
  'image/png': 'label_map',
  'application/geo+json': 'geojson',
  'text/csv': 'csv',
  'image/webp': 'overlay',
  'image/jpeg': 'overlay',
} as const satisfies Record<string, RepresentationFormat>;

const PARAMETER_OF = {
  label: 'mask',
  opacity: 'overlay',
  outlines: 'overlay',
  overlay_format: 'overlay',
} as const;

/**
 * The form that is asked for.
 *
 * @param format of the query or of `Accept`
 * @param encoding of an overlay where the query names none
 * @throws AppError `validation_failed` for parameters of another form, which would change nothing
 */
export function chooseRepresentation(
  { format: _format, ...options }: RepresentationQuery,
  format: RepresentationFormat,
  encoding: OverlayFormat,
): Representation {
  const faults = Object.entries(PARAMETER_OF).flatMap(([name, only]): Fault[] => {
    const isGiven = options[name as keyof typeof options] !== undefined;
    const message = `goes with format=${only}, not with ${format}`;
    return isGiven && format !== only ? [{ location: 'query', path: `/${name}`, message }] : [];
  });
  const [first] = faults;
  if (first) throw new AppError('validation_failed', `${first.path} ${first.message}`, { errors: faults });
  const { label, opacity = 0.5, outlines = true, overlay_format = encoding } = options;
  switch (format) {
    case 'mask':
      return label === undefined ? { format } : { format, label };
    case 'overlay':
      return { format, opacity, outlines, overlay_format };
    default:
      return { format };
  }
}

interface FileKind {
  mediaType: string;
  /** After the stem of the picture's name. */
  suffix: string;
}

const PLAIN_KINDS: Record<PlainFormat, FileKind> = {
  json: { mediaType: 'application/json', suffix: '-segmentation.json' },
  label_map: { mediaType: 'image/png', suffix: '-labels.png' },
  coco_rle: { mediaType: 'application/json', suffix: '-coco.json' },
  coco_uncompressed_rle: { mediaType: 'application/json', suffix: '-coco.json' },
  coco_polygons: { mediaType: 'application/json', suffix: '-coco.json' },
  geojson: { mediaType: 'application/geo+json', suffix: '-segments.geojson' },
  csv: { mediaType: 'text/csv; charset=utf-8', suffix: '-segments.csv' },
};

/** What kind of file a form is. */
export function fileKindOf(representation: Representation): FileKind {
  switch (representation.format) {
    case 'mask': {
      const { label } = representation;
      return { mediaType: 'image/png', suffix: label === undefined ? '-mask.png' : `-mask-${label}.png` };
    }
    case 'overlay': {
      const { overlay_format: encoding } = representation;
      return { mediaType: `image/${encoding}`, suffix: `-overlay.${encoding === 'jpeg' ? 'jpg' : encoding}` };
    }
    default:
      return PLAIN_KINDS[representation.format];
  }
}
