import { connect, type Socket } from 'node:net';

export interface Answer {
  /** 0 where the connection ended, or was broken off, before a whole header had come. */
  status: number;
  headers: Record<string, string>;
  /** The body, with chunked coding undone. */
  body: Buffer;
  /** Whether the whole body came. */
  isWhole: boolean;
  /** Until the answer was there or the connection ended, in milliseconds. */
  ms: number;
  /** Code of the error that ended the connection. */
  error: string | undefined;
}

export interface ExchangeOptions {
  /** Close the sending half after the last byte, as a client that is killed does. */
  halfClose?: boolean;
  /** Read nothing before everything is written, as simple clients do. */
  writeFirst?: boolean;
  /** Answers to wait for, of pipelined requests; the last one is given. */
  answers?: number;
  /** The header is enough, as of a stream that does not end. */
  headOnly?: boolean;
  timeoutMs?: number;
}

/** The first whole answer in the bytes, and how many bytes it takes; undefined where more must come. */
export function parseAnswer(
  bytes: Buffer,
  hasEnded: boolean,
): { answer: Omit<Answer, 'ms' | 'error'>; length: number } | undefined {
  const headerEnd = bytes.indexOf('\r\n\r\n');
  if (headerEnd < 0) return undefined;
  const [statusLine = '', ...lines] = bytes.subarray(0, headerEnd).toString('latin1').split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1] ?? 0);
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const rest = bytes.subarray(headerEnd + 4);
  const done = (body: Buffer, isWhole: boolean, length: number) => ({
    answer: { status, headers, body, isWhole },
    length: headerEnd + 4 + length,
  });
  // Interim answers (100 Continue) are not the answer.
  if (status >= 100 && status < 200) {
    const next = parseAnswer(rest, hasEnded);
    return next && { answer: next.answer, length: headerEnd + 4 + next.length };
  }
  const length = headers['content-length'];
  if (length !== undefined) {
    const isWhole = rest.length >= Number(length);
    return isWhole || hasEnded ? done(rest.subarray(0, Number(length)), isWhole, Number(length)) : undefined;
  }
  if (headers['transfer-encoding'] === 'chunked') {
    const body = decodeChunks(rest);
    if (body.length >= 0) return done(body.data, true, body.length);
    return hasEnded ? done(body.data, false, rest.length) : undefined;
  }
  return status === 204 || status === 304 || hasEnded ? done(rest, true, rest.length) : undefined;
}

/** The data of a chunked body; `length` is -1 where its last chunk has not come. */
function decodeChunks(bytes: Buffer): { data: Buffer; length: number } {
  const data: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    const size =
      lineEnd < 0 ? Number.NaN : Number.parseInt(bytes.subarray(at, lineEnd).toString('latin1'), 16);
    if (Number.isNaN(size) || lineEnd + 2 + size + 2 > bytes.length) {
      return { data: Buffer.concat(data), length: -1 };
    }
    if (size === 0) return { data: Buffer.concat(data), length: lineEnd + 4 };
    data.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
}

/** A TCP connection, open. */
export async function openConnection(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  socket.removeAllListeners('error').on('error', () => undefined);
  return socket;
}

/** Sends bytes exactly as they are on a connection of their own, and gives the answer. */
export async function exchange(
  port: number,
  bytes: Buffer | string | readonly (Buffer | string)[],
  options: ExchangeOptions = {},
): Promise<Answer> {
  const socket = await openConnection(port);
  const start = performance.now();
  const chunks = [bytes].flat() as (Buffer | string)[];
  const writing = writeAll(socket, chunks, options.halfClose ?? false);
  if (options.writeFirst) await writing;
  try {
    return { ...(await readAnswer(socket, options)), ms: performance.now() - start };
  } finally {
    socket.destroy();
    await writing;
  }
}

async function writeAll(socket: Socket, chunks: (Buffer | string)[], halfClose: boolean): Promise<void> {
  for (const chunk of chunks) {
    if (socket.destroyed || socket.writableEnded) return;
    if (!socket.write(chunk)) {
      await new Promise<void>((resolve) => {
        const goOn = () => {
          for (const event of ['drain', 'close', 'end']) socket.off(event, goOn);
          resolve();
        };
        for (const event of ['drain', 'close', 'end']) socket.on(event, goOn);
      });
    }
  }
  if (halfClose && !socket.destroyed) socket.end();
}

/** Reads from an open connection until an answer is whole or nothing more can come. */
export function readAnswer(
  socket: Socket,
  { answers = 1, headOnly = false, timeoutMs = 10_000 }: ExchangeOptions = {},
): Promise<Omit<Answer, 'ms'>> {
  return new Promise((resolve) => {
    let received = Buffer.alloc(0);
    let wanted = answers;
    let error: string | undefined;
    const settle = (answer: Omit<Answer, 'ms' | 'error'> | undefined) => {
      clearTimeout(timer);
      const none = { status: 0, headers: {}, body: received, isWhole: false };
      resolve({ ...(answer ?? none), error });
    };
    const look = (hasEnded: boolean): void => {
      const parsed = parseAnswer(received, hasEnded || headOnly);
      if (!parsed) {
        if (hasEnded) settle(undefined);
        return;
      }
      wanted -= 1;
      if (wanted === 0) {
        settle(parsed.answer);
        return;
      }
      received = received.subarray(parsed.length);
      look(hasEnded);
    };
    const timer = setTimeout(() => {
      error = 'no answer in time';
      settle(undefined);
    }, timeoutMs);
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      look(false);
    });
    socket.on('error', (reason: NodeJS.ErrnoException) => {
      error = reason.code ?? reason.message;
    });
    socket.once('end', () => look(true));
    socket.once('close', () => look(true));
    if (socket.destroyed) look(true);
  });
}
