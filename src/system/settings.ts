import { Type } from '@sinclair/typebox';
import { text } from '../core/settings.ts';

export const folderSettings = {
  DATA_DIR: text('Folder for the embedded PostgreSQL and the disk cache.', '.coreframe'),
  TEMP_IMAGE_DIR: Type.Optional(
    Type.String({
      description:
        'Folder for uploads while they are received, for rows of frames while a picture is made from them, and for images that the disk cache has no room for. A relative path starts in DATA_DIR. Default: `temp_images`.',
    }),
  ),
  TEMP_JSON_DIR: Type.Optional(
    Type.String({
      description:
        'Folder for results while they are computed: documents, plots, masks, pictures of frames. A relative path starts in DATA_DIR. Default: `temp_jsons`.',
    }),
  ),
};
