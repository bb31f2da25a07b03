import {
  boxText,
  POINTS,
  parsePoints,
  pointsText,
  pointText,
  queryForm,
  taggedText,
} from '../work/query-form.ts';
import { FLAT_PARAMS } from './flat-params.ts';

/** Structured parameters, which a query holds as text. */
const TEXTS = {
  box: boxText({
    names: ['x', 'y', 'width', 'height'],
    description:
      'A box around the object, `x,y,width,height`. Only for the method `grabcut`, which requires it.',
    example: '40,20,320,240',
  }),
  point: pointText({
    description:
      'Keep only the region of similar colours that is connected to this pixel, `x,y`. Only for the method `color`.',
    example: '120,80',
  }),
  foreground: pointsText({
    description: 'Points that are certainly part of the object, `x,y;x,y;…`. Only for the method `grabcut`.',
    example: '120,80;130,90',
  }),
  background: pointsText({
    description:
      'Points that are certainly not part of the object, `x,y;x,y;…`. Only for the method `grabcut`.',
    example: '5,5;310,5',
  }),
  markers: taggedText(
    {
      levels: {
        pattern: '\\d{1,3},\\d{1,3}',
        parse: (text) => {
          const [low, high] = text.split(',').map(Number);
          return { from: 'levels', low, high };
        },
      },
      distance: {
        pattern: '\\d{1,5}(?:,\\d{1,3})?',
        parse: (text) => {
          const [min_distance, threshold] = text.split(',').map(Number);
          return { from: 'distance', min_distance, ...(threshold === undefined ? {} : { threshold }) };
        },
      },
      points: {
        pattern: `${POINTS}(?:\\|${POINTS})?`,
        parse: (text) => {
          const [points = '', background = ''] = text.split('|');
          return { from: 'points', points: parsePoints(points), background: parsePoints(background) };
        },
      },
    },
    {
      description:
        'Where flooding starts: `levels:LOW,HIGH`; `distance:MIN_DISTANCE` or `distance:MIN_DISTANCE,THRESHOLD`; or `points:x,y;x,y;…`, ' +
        'with points of the background after a `|`. Only for the method `watershed`.',
      example: 'levels:30,150',
    },
  ),
};

/** The parameters of all methods in a query. */
export const SEGMENTATION_QUERY = queryForm(
  Object.fromEntries(Object.entries(FLAT_PARAMS).filter(([name]) => !(name in TEXTS))),
  TEXTS,
);
