import { loadOpenCV, type OpenCV } from '@opencvjs/node';

export type OpenCv = typeof OpenCV;
export type Mat = OpenCV.Mat;

/** OpenCV (WebAssembly), compiled at the first call: some 0.15 s and 100 MB, which most methods do without. */
export function openCv(): Promise<OpenCv> {
  return loadOpenCV();
}

/**
 * Runs `work` and gives the matrices that it made with `keep` back to OpenCV's heap, whatever happens: the garbage
 * collector does not see them.
 */
export function withMats<T>(work: (keep: <M extends { delete(): void }>(mat: M) => M) => T): T {
  const mats: { delete(): void }[] = [];
  try {
    return work((mat) => {
      mats.push(mat);
      return mat;
    });
  } finally {
    for (const mat of mats) mat.delete();
  }
}
