import type { Socket } from 'node:net';

/** Between two looks at whether a client still sends. */
const LOOK_MS = 250;
/** Silence after which a client is taken to have sent what it wanted to. */
const SILENCE_MS = 1_000;
/** Longest time that is spent, after a request's answer, on the rest of its body. */
const AFTER_ANSWER_MS = 10_000;

const lingering = new WeakSet<Socket>();

/**
 * Closes the sending half of a connection, and reads and drops what the client still sends until it has closed its half,
 * for `maxMs` at most (RFC 9112, 9.6). Closing both at once, with bytes unread, makes the system send a reset, at
 * which the client's system throws away the answer that the client has not read yet.
 */
export function closeLingering(socket: Socket, maxMs: number): void {
  if (lingering.has(socket) || socket.destroyed) return;
  lingering.add(socket);
  socket.end();
  if (socket.readableEnded) return void socket.once('finish', () => socket.destroy());
  let { bytesRead } = socket;
  let [lookedMs, silentMs] = [0, 0];
  const timer = setInterval(() => {
    lookedMs += LOOK_MS;
    silentMs = socket.bytesRead === bytesRead ? silentMs + LOOK_MS : 0;
    bytesRead = socket.bytesRead;
    if (silentMs >= SILENCE_MS || lookedMs >= maxMs) socket.destroy();
  }, LOOK_MS);
  timer.unref();
  socket.once('close', () => clearInterval(timer));
}

/** Makes Node's HTTP server, which ends a connection by `destroySoon` after its last answer, close this one lingering. */
export function lingerAfterAnswer(socket: Socket): void {
  socket.destroySoon = () => closeLingering(socket, AFTER_ANSWER_MS);
}
