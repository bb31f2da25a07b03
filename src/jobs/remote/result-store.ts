import { AppError, ERROR_CODES } from '../../core/errors.ts';
import { validatorCompiler } from '../../core/validator.ts';
import type { FrameReader } from '../../system/byte-frames.ts';
import { removeFile } from '../../system/remove-file.ts';
import type { Maker } from '../../work/make.ts';
import type { Operation } from '../../work/operation.ts';
import { workKey } from '../../work/work.ts';
import { locatedError } from '../queue/artifact-handler.ts';
import type { ClaimedItem, ItemProblem } from '../queue/job.ts';
import { toProblem } from '../queue/lane-worker.ts';
import type { PostedOperation } from '../queue/posted-operations.ts';
import type { WorkQueue } from '../queue/work-queue.ts';
import { type EndBody, MAX_JSON_BYTES, type ResultBody, ResultSchema } from './protocol.ts';

export interface ResultStoreOptions {
  queue: WorkQueue;
  maker: Maker;
  operations: ReadonlyMap<string, Operation>;
  posted: ReadonlyMap<string, PostedOperation>;
  /** Results are received here. */
  newPath(): string;
  translate(error: unknown): AppError | undefined;
}

const validateResult = validatorCompiler('json')(ResultSchema);
const isResultBody = (body: unknown): body is ResultBody => validateResult(body);

/** Whether facts have the form that an operation's results have. */
export type ResultCheck = (operation: Operation, result: object) => boolean;

/** Stores what workers on other machines have made. They are believed nothing: neither what they have done nor a hash. */
export class ResultStore {
  readonly #options: ResultStoreOptions;

  constructor(options: ResultStoreOptions) {
    this.#options = options;
  }

  /**
   * Receives the result of an item, stores it and ends the item. A result that cannot be stored fails the item.
   *
   * @param key of the work that the attempt was to do, as hexadecimal text
   * @param frames a `ResultBody`, then the bytes of the content, then those of the document
   * @param hasForm whether facts have the form that an operation's results have
   * @returns false if the attempt no longer holds the item
   * @throws AppError `malformed_request`, `validation_failed`, and failures that pass
   */
  async store(
    item: ClaimedItem,
    key: string,
    maxBytes: number,
    frames: FrameReader,
    hasForm: ResultCheck,
  ): Promise<boolean> {
    const { queue, maker, newPath, translate } = this.#options;
    const { work, outcome } = this.#check(await frames.json(MAX_JSON_BYTES), key, maxBytes, hasForm);
    const [outputPath, documentPath] = [newPath(), newPath()];
    try {
      await receive(frames, outputPath, outcome.content);
      if (outcome.document) await receive(frames, documentPath, outcome.document);
      await frames.end();
      const done = { outcome, outputPath, documentPath };
      const made = await maker
        .storeDone(item.owner, work, done, item.retention)
        .catch((error) => toProblem(translate(error)));
      if ('artifact' in made)
        return await queue.succeed(item, { artifactId: made.artifact.id, isNew: made.isNew });
      // An input was deleted, or the quota is used up. All else passes, and the worker sends it again.
      if (['not_found', 'quota_exceeded'].includes(made.code)) return await queue.fail(item, made);
      throw new AppError(ERROR_CODES.find((code) => code === made.code) ?? 'internal_error', made.detail);
    } finally {
      await Promise.all([outputPath, documentPath].map(removeFile));
    }
  }

  /** Ends an item without a result. @returns false if the attempt no longer holds it */
  async end(item: ClaimedItem, { outcome, problem }: EndBody): Promise<boolean> {
    const { queue } = this.#options;
    if (outcome === 'cancelled') return queue.cancel(item);
    if (outcome === 'given_back') return queue.giveBack(item, problem);
    return queue.fail(item, this.#located(item, problem));
  }

  /** The problem, with the paths of faults as the POST of the item's operation has them. */
  #located(item: ClaimedItem, problem: EndBody['problem']): ItemProblem {
    if (problem === undefined) return toProblem(undefined);
    if (item.input.type === 'file') return problem;
    const error = new AppError(problem.code, problem.detail, { errors: problem.errors ?? [] });
    return toProblem(locatedError(this.#options.posted, item.operation, error) as AppError);
  }

  #check(body: unknown, key: string, maxBytes: number, hasForm: ResultCheck): ResultBody {
    if (!isResultBody(body)) throw refused('Its description is not valid.');
    const { work, outcome } = body;
    if (workKey(work).toString('hex') !== key) throw refused('It is that of other work.');
    const operation = this.#options.operations.get(work.operation);
    if (operation === undefined || operation.version !== work.version)
      throw refused('The operation has another version.');
    if (!hasForm(operation, outcome.result)) throw refused('Its facts are not those of the operation.');
    const size = outcome.content.size + (outcome.document?.size ?? 0);
    if (size > maxBytes) throw refused(`It has ${size} bytes, and may have ${maxBytes}.`);
    return body;
  }
}

async function receive(
  frames: FrameReader,
  path: string,
  { sha256, size }: { sha256: string; size: number },
): Promise<void> {
  if ((await frames.writeFile(path, size)) !== sha256) throw refused('Its bytes are not those of its hash.');
}

function refused(reason: string): AppError {
  return new AppError('malformed_request', `The result of the attempt is refused. ${reason}`);
}
