import type { OpenCV } from '@opencvjs/node';

export type OpenCv = typeof OpenCV;
export type Mat = OpenCV.Mat;

/** OpenCV (WebAssembly), loaded and compiled at the first call: it is large, and most methods do not need it. */
export async function openCv(): Promise<OpenCv> {
  const { loadOpenCV } = await import('@opencvjs/node');
  return loadOpenCV();
}

/**
 * Runs `work`, then frees the matrices that it passed to `keep`, even if it throws: the garbage collector does not
 * know OpenCV's heap.
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
