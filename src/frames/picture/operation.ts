import { Type } from '@sinclair/typebox';
import { defineOperation } from '../../work/operation.ts';
import { FramePictureParamsSchema } from './schemas.ts';

declare module '../../work/operation.ts' {
  interface Operations {
    'frame-picture': typeof framePicture;
  }
}

/**
 * PNG pictures up to this size are encoded in the API process: this decodes no data of a client, and sending the picture to
 * an image process would take longer.
 */
const MAX_LIGHT_PIXELS = 2_000_000;

/** Draws frames as one picture. Its inputs are frame sets, whose rows are read and averaged when they are opened. */
export const framePicture = defineOperation({
  name: 'frame-picture',
  version: 1,
  params: FramePictureParamsSchema,
  result: Type.Object({}),
  subject: 'frame_set',
  makes: (_frameSet, { format }) => ({ filename: `frames.${format}`, mediaType: `image/${format}` }),
  isLight: ({ format, width, height }) => format === 'png' && width * height <= MAX_LIGHT_PIXELS,
  async load() {
    const { runFramePicture } = await import('./task.ts');
    return runFramePicture;
  },
});
