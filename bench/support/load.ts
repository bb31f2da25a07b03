import { connect, type Socket } from 'node:net';

export interface LoadRequest {
  method: string;
  path: string;
  headers?: Readonly<Record<string, string>>;
  body?: string;
}

export interface Load {
  port: number;
  /** Sent in turn, repeatedly. */
  requests: readonly LoadRequest[];
  count: number;
  /** Number of connections, each with one request at a time. */
  inFlight: number;
}

export interface LoadResult {
  seconds: number;
  /** Number of answers by status. */
  statuses: Record<number, number>;
  /** Bytes of all bodies. */
  bytes: number;
}

const HEAD_END = Buffer.from('\r\n\r\n');

function encode({ method, path, headers = {}, body = '' }: LoadRequest, port: number): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  if (body !== '') lines.push(`content-length: ${Buffer.byteLength(body)}\r\n`);
  return Buffer.from(`${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n${lines.join('')}\r\n${body}`);
}

interface Answer {
  status: number;
  bytes: number;
  /** Whether the server closes the connection. */
  isLast: boolean;
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket));
    socket.once('error', reject);
  });
}

/** Reads one answer from a socket. The body is counted, not kept. */
function readAnswer(socket: Socket): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let head: Buffer = Buffer.alloc(0);
    let status = 0;
    let bytes = 0;
    let length = Number.NaN;
    let isLast = false;
    const stop = () => socket.off('data', onData).off('error', reject).off('close', onClose);
    const onClose = () => reject(new Error('The server closed the connection.'));
    const onData = (data: Buffer) => {
      let part = data;
      if (Number.isNaN(length)) {
        head = head.length === 0 ? data : Buffer.concat([head, data]);
        const end = head.indexOf(HEAD_END);
        if (end < 0) return;
        const text = head.toString('latin1', 0, end);
        status = Number(text.slice(9, 12));
        length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? Number.NaN);
        isLast = /\r\nconnection: close\r\n/i.test(text);
        if (Number.isNaN(length)) return void reject(new Error(`The answer has no length:\n${text}`));
        part = head.subarray(end + HEAD_END.length);
      }
      bytes += part.length;
      if (bytes < length) return;
      stop();
      resolve({ status, bytes, isLast });
    };
    socket.on('data', onData).on('error', reject).on('close', onClose);
  });
}

/**
 * Sends requests over open connections, the next one as soon as the last is answered. It reads as little of HTTP as
 * possible, so that it costs little CPU, the same for both servers.
 */
export async function generateLoad({ port, requests, count, inFlight }: Load): Promise<LoadResult> {
  const encoded = requests.map((request) => encode(request, port));
  const sockets = await Promise.all(Array.from({ length: inFlight }, () => open(port)));
  const statuses: Record<number, number> = {};
  let bytes = 0;
  let next = 0;
  const start = performance.now();
  await Promise.all(
    sockets.map(async (first) => {
      let socket = first;
      while (next < count) {
        const request = encoded[next % encoded.length];
        next += 1;
        if (request) socket.write(request);
        const answer = await readAnswer(socket);
        statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
        bytes += answer.bytes;
        if (answer.isLast) {
          socket.destroy();
          socket = await open(port);
        }
      }
      socket.destroy();
    }),
  );
  const seconds = (performance.now() - start) / 1000;
  return { seconds, statuses, bytes };
}
