import type { Job, JobItem } from './queue/job.ts';
import type { JobItemResponse, JobResponse } from './schemas.ts';

/** A job as clients see it. Rates and estimates are those at the time when it was read. */
export function toJobResponse(job: Job): JobResponse {
  const { total, queued, running, succeeded, failed, cancelled, expired, only } = job;
  const done = total - queued - running;
  const { stage = null, bytes = null, total_bytes = null, rows = null } = only?.progress ?? {};
  const self = `/jobs/${job.id}`;
  const doneFraction = total === 0 ? 0 : done / total;
  const fraction = bytes !== null && total_bytes !== null && done === 0 ? bytes / total_bytes : doneFraction;
  return {
    id: job.id,
    operation: job.operation,
    parameters: job.parameters,
    priority: job.priority,
    state: job.state,
    progress: {
      total,
      queued,
      running,
      succeeded,
      failed,
      cancelled,
      expired,
      done,
      fraction: Math.min(fraction, 1),
      stage,
      bytes,
      total_bytes,
      rows,
      items_per_second: rateOf(job, done),
      estimated_end_at: estimateEnd(job, fraction)?.toISOString() ?? null,
    },
    version: job.version,
    created_at: job.createdAt.toISOString(),
    started_at: job.startedAt?.toISOString() ?? null,
    ended_at: job.endedAt?.toISOString() ?? null,
    cancel_requested_at: job.cancelRequestedAt?.toISOString() ?? null,
    expires_at: job.expiresAt.toISOString(),
    artifact_id: only?.artifactId ?? null,
    frame_set_id: only?.frameSetId ?? null,
    result_url: only === null ? null : resultUrl(only),
    items_url: `${self}/items`,
    results_url: `${self}/results`,
    errors_url: `${self}/errors`,
    events_url: `${self}/events`,
  };
}

/** An item as clients see it. */
export function toJobItemResponse(item: JobItem): JobItemResponse {
  const { progress, problem } = item;
  return {
    position: item.position,
    input: { type: item.input.type, id: item.input.id },
    state: item.state,
    attempts: item.attempt,
    progress: progress && {
      stage: progress.stage,
      bytes: progress.bytes ?? null,
      total_bytes: progress.total_bytes ?? null,
      rows: progress.rows ?? null,
    },
    // Fields of a client's request, whatever part of it had them.
    problem: problem && {
      code: problem.code,
      detail: problem.detail,
      ...(problem.errors ? { errors: problem.errors.map((fault) => ({ location: 'body', ...fault })) } : {}),
    },
    artifact_id: item.artifactId,
    frame_set_id: item.frameSetId,
    is_new: item.isNew,
    result_url: resultUrl(item),
    started_at: item.startedAt?.toISOString() ?? null,
    ended_at: item.endedAt?.toISOString() ?? null,
  };
}

/** The path of what an item has made. */
export function resultUrl({
  artifactId,
  frameSetId,
}: Pick<JobItem, 'artifactId' | 'frameSetId'>): string | null {
  if (artifactId !== null) return `/artifacts/${artifactId}`;
  return frameSetId === null ? null : `/frame-sets/${frameSetId}`;
}

/** Milliseconds that the job has worked so far. */
function elapsed({ startedAt, endedAt, readAt }: Job): number {
  return startedAt === null ? 0 : Math.max((endedAt ?? readAt).getTime() - startedAt.getTime(), 1);
}

function rateOf(job: Job, done: number): number | null {
  const ended = done - job.doneBefore;
  return job.startedAt === null || ended <= 0 ? null : (ended * 1000) / elapsed(job);
}

function estimateEnd(job: Job, fraction: number): Date | undefined {
  const before = job.doneBefore / job.total;
  if (job.startedAt === null || job.endedAt !== null || fraction <= before) return undefined;
  const left = (elapsed(job) * (1 - fraction)) / (fraction - before);
  return new Date(job.readAt.getTime() + Math.min(left, 1e12));
}
