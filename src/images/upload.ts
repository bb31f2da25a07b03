import pLimit from 'p-limit';
import type { OwnerId } from '../auth/owner.ts';
import type { DiskCache } from '../blobs/disk-cache.ts';
import { AppError } from '../core/errors.ts';
import { sanitizeFilename } from '../core/filename.ts';
import type { Image } from '../db/generated/client.ts';
import { type Form, type FormFile, type FormLimits, waitForFirst } from '../http/requests/multipart-form.ts';
import { FORMATS, type ImageFormat, sniffImageFormat } from '../pictures/formats.ts';
import type { ImageMetadata } from '../pictures/metadata.ts';
import { unsupportedFormat } from '../pictures/unread-formats.ts';
import type { Admission } from '../processes/admission.ts';
import { removeFile } from '../system/remove-file.ts';
import type { TemporaryFolder } from '../system/temporary-folder.ts';
import type { Maker } from '../work/make.ts';
import type { WorkSettings } from '../work/settings.ts';
import { inspect } from './operation.ts';
import { type ReceivedFile, receiveFile } from './receive-file.ts';
import type { ImageSettings } from './settings.ts';
import type { ImageStore } from './store.ts';

/** The outcome for one file; `error` is as it was thrown. */
export type UploadOutcome =
  | { status: 'created' | 'existing'; filename: string; image: Image }
  | { status: 'failed'; filename: string; error: unknown };

export interface UploadServices {
  images: ImageStore;
  maker: Maker;
  /** Limits the uploads that are received at the same time. */
  admission: Admission;
  temporaryFolder: TemporaryFolder;
  diskCache: DiskCache;
  settings: ImageSettings & Pick<WorkSettings, 'IMAGE_CONCURRENCY'>;
}

export function uploadLimits({ MAX_FILE_BYTES, MAX_REQUEST_BYTES, MAX_FILES }: ImageSettings): FormLimits {
  return { maxFileBytes: MAX_FILE_BYTES, maxRequestBytes: MAX_REQUEST_BYTES, maxFiles: MAX_FILES };
}

/** A file that has passed all checks but is not stored yet, or the existing image of its bytes. */
type Checked = { image: Image } | { format: ImageFormat; metadata: ImageMetadata };

async function check(
  owner: OwnerId,
  file: ReceivedFile,
  services: UploadServices,
  signal: AbortSignal,
): Promise<Checked> {
  const { settings, images, maker } = services;
  if (file.isTooLarge) {
    throw new AppError(
      'file_too_large',
      `The file is larger than the maximum of ${settings.MAX_FILE_BYTES} bytes.`,
    );
  }
  const format = sniffImageFormat(file.head);
  if (!format) throw unsupportedFormat(file.head);
  const image = await images.findBySha256(owner, file.sha256);
  if (image) return { image };
  const ref = { type: 'staged_file', path: file.path, format } as const;
  return { format, metadata: await maker.resultOf(owner, inspect, ref, {}, signal) };
}

async function store(
  owner: OwnerId,
  file: ReceivedFile,
  checked: Checked,
  services: UploadServices,
): Promise<UploadOutcome> {
  if ('image' in checked) return { status: 'existing', filename: file.filename, image: checked.image };
  const { mediaType, extensions } = FORMATS[checked.format];
  const filename = sanitizeFilename(file.filename, `image.${extensions[0]}`);
  const staged = { path: file.path, sha256: file.sha256, size: file.size, mediaType };
  const { metadata } = checked;
  const { image, isNew } = await services.images.create(owner, { filename, metadata, file: staged });
  if (isNew) await services.diskCache.adopt(file.path, file.sha256, file.size);
  return { status: isNew ? 'created' : 'existing', filename: file.filename, image };
}

/**
 * Receives a batch of pictures, inspects each in an image process while the next ones arrive, and stores them after the
 * whole body has arrived. If the body is cut off or too long, nothing is stored; a bad file fails alone.
 *
 * @param form with one or more files; it is closed at the end. The upload takes its place when the first file begins to arrive
 * @param signal aborted when the client disconnects; what is not stored by then is dropped
 * @returns one outcome per file, in the order of the request
 */
export async function uploadImages(
  owner: OwnerId,
  form: Form,
  services: UploadServices,
  signal: AbortSignal,
): Promise<UploadOutcome[]> {
  try {
    const files = await waitForFirst(form);
    return await services.admission.run(signal, () => receiveImages(owner, files, services, signal));
  } finally {
    await form.return();
  }
}

async function receiveImages(
  owner: OwnerId,
  files: AsyncIterable<FormFile>,
  services: UploadServices,
  signal: AbortSignal,
): Promise<UploadOutcome[]> {
  const limit = pLimit(services.settings.IMAGE_CONCURRENCY);
  const failed = new AbortController();
  const received: { file: ReceivedFile; checked: Promise<Checked> }[] = [];
  try {
    for await (const part of files) {
      const file = await receiveFile(part, services.temporaryFolder.newPath());
      const checked = limit(() => check(owner, file, services, AbortSignal.any([signal, failed.signal])));
      checked.catch(() => undefined);
      received.push({ file, checked });
    }
    const outcomes: UploadOutcome[] = [];
    for (const { file, checked } of received) {
      try {
        outcomes.push(await store(owner, file, await checked, services));
      } catch (error) {
        signal.throwIfAborted();
        outcomes.push({ status: 'failed', filename: file.filename, error });
      }
    }
    return outcomes;
  } catch (error) {
    failed.abort(error);
    throw error;
  } finally {
    await Promise.allSettled(received.map(({ checked }) => checked));
    await Promise.all(received.map(({ file }) => removeFile(file.path)));
  }
}
