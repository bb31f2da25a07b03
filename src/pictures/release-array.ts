/**
 * Frees the memory of an array at once and leaves it empty. Otherwise pixels make the garbage collector run every few pictures
 * (docs/benchmarks.md).
 *
 * @param array no longer used, like every other view of its memory
 */
export function releaseArray({ buffer, byteLength }: ArrayBufferView): void {
  // A part of something larger (a pooled Buffer) must not be freed.
  if (buffer instanceof ArrayBuffer && byteLength === buffer.byteLength) buffer.transfer(0);
}
