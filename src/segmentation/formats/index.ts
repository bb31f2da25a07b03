import { binaryMaskForm, directBinaryMask } from './binary-mask.ts';
import { cocoPolygonsForm, cocoRleForm, cocoUncompressedRleForm } from './coco.ts';
import { csvForm } from './csv.ts';
import { geojsonForm } from './geojson.ts';
import { directOverlay, overlayForm } from './overlay.ts';

/** The forms of a stored mask besides its label map and its segments, in the order of the docs. */
export const MASK_FORMS = {
  'mask-binary-mask': binaryMaskForm,
  'mask-overlay': overlayForm,
  'mask-coco-rle': cocoRleForm,
  'mask-coco-uncompressed-rle': cocoUncompressedRleForm,
  'mask-coco-polygons': cocoPolygonsForm,
  'mask-geojson': geojsonForm,
  'mask-csv': csvForm,
};

/** The forms that can be made from a picture itself. */
export const DIRECT_FORMS = {
  'binary-mask': directBinaryMask,
  overlay: directOverlay,
};

type MaskForms = typeof MASK_FORMS;
type DirectForms = typeof DIRECT_FORMS;

declare module '../../work/operation.ts' {
  interface Operations extends MaskForms, DirectForms {}
}

/** The named schemas of all forms; some forms share one. */
export const MASK_FORM_SCHEMAS = [...new Set(Object.values(MASK_FORMS).flatMap(({ schemas }) => schemas))];
