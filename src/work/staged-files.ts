import path from 'node:path';
import type { Input, InputRef, InputSource, OpenedInputs } from './inputs.ts';

type StagedFileRef = Extract<InputRef, { type: 'staged_file' }>;

/** Files in a temporary folder as inputs. The code that has staged a file also removes it. */
export const stagedFiles: InputSource<StagedFileRef> = {
  async find(_owner, ref): Promise<Input> {
    return {
      ref,
      kind: ref.type,
      format: ref.format,
      filename: path.basename(ref.path),
      dimensions: null,
      content: null,
      document: null,
      origin: null,
    };
  },
  async open(inputs): Promise<OpenedInputs> {
    const files = inputs.map(({ ref, format, filename }) => {
      if (ref.type !== 'staged_file') throw new Error(`A ${ref.type} is not a staged file.`);
      return { path: ref.path, documentPath: null, format, filename };
    });
    return { files, release: () => undefined };
  },
};
