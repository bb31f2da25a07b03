import type { Socket } from 'node:net';

/** Interval at which the connection is checked for new bytes. */
const CHECK_MS = 250;
/** Silence after which the client counts as finished. */
const SILENCE_MS = 1_000;
/** Maximum time spent on the rest of a request's body after its answer. */
const AFTER_ANSWER_MS = 10_000;

const lingering = new WeakSet<Socket>();

/**
 * Closes the sending half of a connection, then reads and drops what the client still sends until it closes its half, for at
 * most `maxMs` (RFC 9112, 9.6). If both halves were closed with unread bytes, the system would send a reset, and the client
 * could lose the answer before reading it.
 */
export function closeLingering(socket: Socket, maxMs: number): void {
  if (lingering.has(socket) || socket.destroyed) return;
  lingering.add(socket);
  socket.end();
  if (socket.readableEnded) return void socket.once('finish', () => socket.destroy());
  let { bytesRead } = socket;
  let [elapsedMs, silentMs] = [0, 0];
  const timer = setInterval(() => {
    elapsedMs += CHECK_MS;
    silentMs = socket.bytesRead === bytesRead ? silentMs + CHECK_MS : 0;
    bytesRead = socket.bytesRead;
    if (silentMs >= SILENCE_MS || elapsedMs >= maxMs) socket.destroy();
  }, CHECK_MS);
  timer.unref();
  socket.once('close', () => clearInterval(timer));
}

/** Makes Node's HTTP server close this connection lingering: it calls `destroySoon` after the last answer. */
export function lingerAfterAnswer(socket: Socket): void {
  socket.destroySoon = () => closeLingering(socket, AFTER_ANSWER_MS);
}
