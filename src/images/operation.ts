import { Type } from '@sinclair/typebox';
import { ImageMetadataSchema } from '../pictures/metadata.ts';
import { defineOperation } from '../work/operation.ts';
import { pictureFile } from '../work/task-files.ts';

declare module '../work/operation.ts' {
  interface Operations {
    inspect: typeof inspect;
  }
}

/** Reads the metadata of an uploaded file and decodes it once in full, to refuse a truncated or corrupt one. */
export const inspect = defineOperation({
  name: 'inspect',
  version: 1,
  params: Type.Object({}, { additionalProperties: false }),
  result: ImageMetadataSchema,
  subject: 'staged_file',
  async load() {
    const { inspectImage } = await import('../pictures/inspect.ts');
    return async ({ inputs: [file], limits }) => ({
      result: await inspectImage(pictureFile(file), limits),
    });
  },
});
