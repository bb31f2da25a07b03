import { once } from 'node:events';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { FastifyReply } from 'fastify';
import t from 'tap';
import { ClientGone, clientSignal } from '../../../src/http/connections/client-signal.ts';

const replyOf = (raw: ServerResponse) => ({ raw }) as unknown as FastifyReply;

t.test('a client that goes aborts the signal, also if it went before anyone asked', async (t) => {
  const raw = new ServerResponse(new IncomingMessage(new Socket()));
  const early = clientSignal(replyOf(raw));
  t.notOk(early.aborted);
  raw.destroy();
  await once(raw, 'close');
  t.type(early.reason, ClientGone);
  t.type(clientSignal(replyOf(raw)).reason, ClientGone);
});
