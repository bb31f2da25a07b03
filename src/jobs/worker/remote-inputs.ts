import type { BlobStore } from '../../blobs/blob-store.ts';
import { AppError } from '../../core/errors.ts';
import type { BlobBody } from '../remote/protocol.ts';
import type { ApiClient } from './api-client.ts';

/** An attempt whose token allows its inputs. The token changes when its lease is renewed. */
interface Allowed {
  token: string;
}

/** The bytes of inputs, fetched from the API with the token of any running attempt that may read them. */
export class RemoteInputs implements Pick<BlobStore, 'read'> {
  readonly #api: ApiClient;
  readonly #allowed = new Map<string, Set<Allowed>>();

  constructor(api: ApiClient) {
    this.#api = api;
  }

  /** @returns a function to call when the attempt has ended */
  allow(attempt: Allowed, blobs: readonly BlobBody[]): () => void {
    for (const { sha256 } of blobs) {
      const attempts = this.#allowed.get(sha256) ?? new Set();
      this.#allowed.set(sha256, attempts.add(attempt));
    }
    return () => {
      for (const { sha256 } of blobs) {
        const attempts = this.#allowed.get(sha256);
        attempts?.delete(attempt);
        if (attempts?.size === 0) this.#allowed.delete(sha256);
      }
    };
  }

  /** @throws AppError `not_found` if no running attempt may read it; what `ApiClient.input` throws */
  async *read(sha256: Buffer): AsyncGenerator<Buffer> {
    const key = sha256.toString('hex');
    const [attempt] = this.#allowed.get(key) ?? [];
    if (attempt === undefined) throw new AppError('not_found', 'No running attempt may read these bytes.');
    yield* this.#api.input(attempt, key);
  }
}
