/** Of services in tests that do not set it. Each image process takes half a second of CPU to start, and most tests need one. */
export const IMAGE_CONCURRENCY = '1';
