/**
 * Gives the memory of an array back at once and leaves it empty. Left to the collector, pixels make it run for every few pictures,
 * over everything else that it holds (docs/benchmarks.md).
 *
 * @param array not used any more, nor any other view of its memory
 */
export function releaseArray({ buffer, byteLength }: ArrayBufferView): void {
  // A part of something larger (a pooled Buffer) is not its own to give back.
  if (buffer instanceof ArrayBuffer && byteLength === buffer.byteLength) buffer.transfer(0);
}
