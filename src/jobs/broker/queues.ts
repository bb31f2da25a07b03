import type { Lane } from '../queue/job.ts';

/** The queues of permits, by lane. Quorum queues need no other arguments in any version from 3.10 to 4.x. */
const NAMES: Readonly<Record<Lane, string>> = {
  images: 'coreframe.images',
  image_logs: 'coreframe.image-logs',
};

/** Where messages go that were delivered too often. Nobody reads it: the items get new permits. */
const DEAD = 'coreframe.dead-permits';
const MAX_DEAD = 10_000;

/** Deliveries after which a message is given up. A permit that nobody uses is replaced anyway; this is the last net. */
const DELIVERY_LIMIT = 100;

export const queueName = (lane: Lane): string => NAMES[lane];

/** The queue of a lane as it is declared. Other arguments for a queue that exists would be refused. */
export function queueOf(lane: Lane) {
  return {
    queue: queueName(lane),
    durable: true,
    arguments: {
      'x-queue-type': 'quorum' as const,
      'x-delivery-limit': DELIVERY_LIMIT,
      // At-least-once dead-lettering needs it.
      'x-overflow': 'reject-publish' as const,
      'x-dead-letter-exchange': '',
      'x-dead-letter-routing-key': DEAD,
      'x-dead-letter-strategy': 'at-least-once',
    },
  };
}

export const DEAD_QUEUE = {
  queue: DEAD,
  durable: true,
  arguments: { 'x-queue-type': 'quorum' as const, 'x-max-length': MAX_DEAD },
};
