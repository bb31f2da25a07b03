import type { ImageMetadata, InspectTask, TransformResult } from '../pictures/types.ts';
import type { TransformTask } from './pipeline.ts';

/**
 * What an image process can be asked to do: a name and the handler behind it, imported in the process that does it, so
 * that the API itself never loads native code. Payloads and results cross as structured clones, so they are small,
 * plain data that names files by path. A new task is one more line here.
 */
export const TASKS = {
  inspect: async (): Promise<(task: InspectTask) => Promise<ImageMetadata>> =>
    (await import('../pictures/inspect.ts')).inspectImage,
  transform: async (): Promise<(task: TransformTask) => Promise<TransformResult>> =>
    (await import('./stages.ts')).runTransform,
  histogram: async (): Promise<typeof import('../histogram/task.ts').runHistogram> =>
    (await import('../histogram/task.ts')).runHistogram,
  'histogram-plot': async (): Promise<typeof import('../histogram/task.ts').runHistogramPlot> =>
    (await import('../histogram/task.ts')).runHistogramPlot,
  segmentation: async (): Promise<typeof import('../segmentation/task.ts').runSegmentation> =>
    (await import('../segmentation/task.ts')).runSegmentation,
  'segmentation-representation': async (): Promise<
    typeof import('../segmentation/representation-task.ts').runRepresentation
  > => (await import('../segmentation/representation-task.ts')).runRepresentation,
  'frame-picture': async (): Promise<typeof import('../frames/picture-task.ts').runFramePicture> =>
    (await import('../frames/picture-task.ts')).runFramePicture,
} satisfies Record<string, () => Promise<(payload: never) => Promise<unknown>>>;

export type TaskName = keyof typeof TASKS;

type Handler<Name extends TaskName> = Awaited<ReturnType<(typeof TASKS)[Name]>>;
export type TaskPayload<Name extends TaskName> = Parameters<Handler<Name>>[0];
export type TaskResult<Name extends TaskName> = Awaited<ReturnType<Handler<Name>>>;
