import { type Static, Type } from '@sinclair/typebox';
import { SchemaRef } from '../../core/schema.ts';

/** Maximum number of segments in a label map: the levels of a 16-bit PNG without 0, the background. */
export const MAX_SEGMENTS = 65_535;

const coordinate = (description: string) => Type.Integer({ description, minimum: 0, maximum: 1_000_000 });

export const Point = Type.Object(
  { x: coordinate('Column, from 0 at the left.'), y: coordinate('Row, from 0 at the top.') },
  {
    $id: 'Point',
    additionalProperties: false,
    description: 'A pixel of the oriented picture.',
    examples: [{ x: 120, y: 80 }],
  },
);
export type Point = Static<typeof Point>;

export const Box = Type.Object(
  {
    x: coordinate('Leftmost column.'),
    y: coordinate('Topmost row.'),
    width: Type.Integer({ description: 'Number of columns.', minimum: 1, maximum: 1_000_000 }),
    height: Type.Integer({ description: 'Number of rows.', minimum: 1, maximum: 1_000_000 }),
  },
  {
    $id: 'Box',
    additionalProperties: false,
    description: 'A box of pixels in the oriented picture.',
    examples: [{ x: 40, y: 20, width: 320, height: 240 }],
  },
);
export type Box = Static<typeof Box>;

export const Segment = Type.Object(
  {
    label: Type.Integer({
      description: 'The segment’s value in the label map.',
      minimum: 1,
      maximum: MAX_SEGMENTS,
    }),
    area: Type.Integer({ description: 'Number of pixels.', minimum: 1 }),
    share: Type.Number({ description: 'Area as a share of the picture.', minimum: 0, maximum: 1 }),
    bounding_box: SchemaRef(Box),
    centroid: Type.Object(
      { x: Type.Number({ description: 'Column.' }), y: Type.Number({ description: 'Row.' }) },
      { additionalProperties: false, description: 'Mean column and row of the pixels.' },
    ),
    perimeter: Type.Number({ description: 'Crofton’s formula in four directions, in pixels.', minimum: 0 }),
    equivalent_diameter: Type.Number({ description: 'Diameter of the disc of equal area, in pixels.' }),
    circularity: Type.Number({ description: '4π · area / perimeter², at most 1.', minimum: 0, maximum: 1 }),
    mean_color: Type.Array(Type.Number(), { description: 'Mean of each of `color_channels`, 0 to 255.' }),
    stdev_color: Type.Array(Type.Number(), { description: 'Population standard deviation of each.' }),
    touches_border: Type.Boolean({ description: 'Whether the segment touches the picture’s border.' }),
    holes: Type.Integer({
      description: 'Number of holes, by the Euler number for the requested connectivity.',
      minimum: 0,
    }),
  },
  { $id: 'Segment', additionalProperties: false, description: 'One segment and its measurements.' },
);
export type Segment = Static<typeof Segment>;
