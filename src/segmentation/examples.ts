/** Example bodies in the docs. A test sends each of them. */
export const SEGMENTATION_EXAMPLES = {
  otsu: {
    summary: 'Bright objects by Otsu’s threshold, without specks',
    value: { method: 'otsu', open: 1, fill_holes: true, min_area: 100 },
  },
  watershed: {
    summary: 'Touching objects, separated by a watershed',
    value: {
      method: 'watershed',
      markers: { from: 'levels', low: 30, high: 150 },
      fill_holes: true,
      min_area: 200,
    },
  },
  kmeans: {
    summary: 'Five colour clusters',
    value: { method: 'kmeans', clusters: 5, working_size: 512 },
  },
  grabcut: {
    summary: 'The object in a box',
    value: { method: 'grabcut', box: { x: 40, y: 20, width: 320, height: 240 }, iterations: 2 },
  },
  color: {
    summary: 'Pixels of nearly one colour',
    value: { method: 'color', color: '#c8761b', tolerance: 15 },
  },
};

/** Example parameters of a `GET`. */
export const SEGMENTATION_QUERY_EXAMPLE = { method: 'otsu', min_area: 100 };
