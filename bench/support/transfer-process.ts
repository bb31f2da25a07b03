/** Main module of a client process that uploads a file or downloads an answer. */
import { createReadStream, statSync } from 'node:fs';
import { connect } from 'node:net';
import { serve } from './serve.ts';

/** A transfer to or from a server on this machine. */
export interface Transfer {
  port: number;
  path: string;
  /** File to send as the field `file` of a form. Without it, the request is a GET. */
  upload?: string;
}

export interface TransferResult {
  seconds: number;
  /** Time until the first byte of the body. */
  firstByteSeconds: number;
  status: number;
  bytes: number;
  /** The body, if it is short. */
  body: string;
}

const BOUNDARY = 'coreframe-bench';
const HEAD = `--${BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="log.csv"\r\n\r\n`;
const TAIL = `\r\n--${BOUNDARY}--\r\n`;

function transfer({ port, path, upload }: Transfer): Promise<TransferResult> {
  return new Promise((resolve, reject) => {
    const start = performance.now();
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const common = `host: 127.0.0.1:${port}\r\nconnection: close\r\n`;
    let head = '';
    let bytes = 0;
    let first = Number.NaN;
    let body = '';
    socket.on('data', (data) => {
      let part = data;
      if (Number.isNaN(first)) {
        head += data.toString('latin1');
        const end = head.indexOf('\r\n\r\n');
        if (end < 0 || head.length === end + 4) return;
        first = (performance.now() - start) / 1000;
        part = data.subarray(Math.max(0, data.length - (head.length - end - 4)));
      }
      bytes += part.length;
      if (bytes < 10_000) body += part.toString('latin1');
    });
    socket.on('error', reject);
    socket.on('end', () => {
      const seconds = (performance.now() - start) / 1000;
      socket.destroy();
      resolve({ seconds, firstByteSeconds: first, status: Number(head.slice(9, 12)), bytes, body });
    });
    if (upload === undefined) {
      socket.write(`GET ${path} HTTP/1.1\r\n${common}\r\n`);
      return;
    }
    const length = HEAD.length + statSync(upload).size + TAIL.length;
    socket.write(
      `POST ${path} HTTP/1.1\r\n${common}content-type: multipart/form-data; boundary=${BOUNDARY}\r\ncontent-length: ${length}\r\n\r\n${HEAD}`,
    );
    const file = createReadStream(upload, { highWaterMark: 1024 * 1024 });
    file.on('error', reject);
    file.on('end', () => socket.write(TAIL));
    file.pipe(socket, { end: false });
  });
}

serve(transfer);
