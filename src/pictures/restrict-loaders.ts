/**
 * Prepares sharp for clients' bytes in this process: libvips reads the accepted formats and nothing else (no SVG, PDF, JPEG 2000,
 * raw, CSV, ImageMagick, …), keeps no operation cache, and gives each image one thread.
 *
 * Every module that hands clients' bytes to sharp imports this one. It acts once, as all modules do.
 */
import sharp from 'sharp';
import { FORMATS } from './formats.ts';

sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({ operation: Object.values(FORMATS).map(({ loader }) => loader) });
// Originals are different each time, and a cache would keep their files open and their pixels in memory.
sharp.cache(false);
sharp.concurrency(1);
