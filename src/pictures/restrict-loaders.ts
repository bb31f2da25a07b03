/**
 * Prepares sharp for clients' bytes in this process: libvips reads only the accepted formats (not SVG, PDF, JPEG 2000, raw, CSV,
 * ImageMagick, …), keeps no operation cache, and uses one thread per image.
 *
 * Every module that passes clients' bytes to sharp imports this one.
 */
import sharp from 'sharp';
import { FORMATS } from './formats.ts';

sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({ operation: Object.values(FORMATS).map(({ loader }) => loader) });
// Originals rarely repeat, and a cache would keep their files open and their pixels in memory.
sharp.cache(false);
sharp.concurrency(1);
