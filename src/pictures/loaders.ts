import sharp from 'sharp';

/**
 * libvips' loader classes (`vips -l foreign`) of the accepted formats. Each covers its file, buffer and source
 * variants. Ultra HDR JPEGs are read by the JPEG loader, since `VipsForeignLoadUhdr` stays blocked.
 */
const ACCEPTED_LOADERS = [
  'VipsForeignLoadJpeg',
  'VipsForeignLoadPng',
  'VipsForeignLoadWebp',
  'VipsForeignLoadNsgif',
  'VipsForeignLoadTiff',
  'VipsForeignLoadHeif',
];

let isRestricted = false;

/**
 * Prepares sharp for clients' bytes in this process: libvips reads the accepted formats and nothing else (no SVG,
 * PDF, JPEG 2000, raw, CSV, ImageMagick, …), keeps no operation cache, and gives each image one thread.
 *
 * Every module that hands clients' bytes to sharp calls it first. It acts once: blocking again would fail pictures that
 * other threads are opening just then.
 */
export function restrictLoaders(): void {
  if (isRestricted) return;
  isRestricted = true;
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: ACCEPTED_LOADERS });
  // Originals are different each time, and a cache would keep their files open and their pixels in memory.
  sharp.cache(false);
  sharp.concurrency(1);
}
