import type { Test } from 'tap';
import { eventually } from '../safety/processes.ts';

export interface ReadEvent {
  event: string;
  id: string;
  data: { id: string; state: string; version: number; progress: { done: number; total: number } };
}

/** A stream of events that a test reads. */
export interface EventReader {
  status: number;
  headers: Headers;
  /** The events so far. */
  events: ReadEvent[];
  /** Comments so far. */
  comments: number;
  /** Whether the server has ended the stream. */
  hasEnded: () => boolean;
  /** Waits for an event. @throws Error if it does not come */
  until(condition: (event: ReadEvent) => boolean, timeoutMs?: number): Promise<ReadEvent>;
  close(): void;
}

/** Opens a stream of events as a client with `fetch` does. It is closed with the test. */
export async function readEvents(
  t: Test,
  url: string,
  headers: Record<string, string> = {},
): Promise<EventReader> {
  const controller = new AbortController();
  t.teardown(() => controller.abort());
  const response = await fetch(url, { headers, signal: controller.signal });
  const events: ReadEvent[] = [];
  let hasEnded = false;
  const reader: EventReader = {
    status: response.status,
    headers: response.headers,
    events,
    comments: 0,
    hasEnded: () => hasEnded,
    async until(condition, timeoutMs = 20_000) {
      if (!(await eventually(() => events.some(condition), timeoutMs)))
        throw new Error(`The event has not come: ${JSON.stringify(events.at(-1))}`);
      return events.find(condition) as ReadEvent;
    },
    close: () => controller.abort(),
  };
  const read = async () => {
    let text = '';
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        if (block === ':') reader.comments += 1;
        const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: ?(.*)/s)));
        if (fields.data) events.push({ event: fields.event, id: fields.id, data: JSON.parse(fields.data) });
      }
    }
  };
  read()
    .catch(() => undefined)
    .finally(() => {
      hasEnded = true;
    });
  return reader;
}
