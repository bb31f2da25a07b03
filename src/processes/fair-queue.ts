/** Something that waits for its turn. */
export interface Waiting {
  /** On whose behalf it waits. */
  client: string;
  /** Its estimated work, in any unit; more than 0. */
  cost: number;
}

/** The oldest item of a client is not passed over more often than this by cheaper ones. */
const MAX_PASSES = 10;

interface ClientQueue<Item> {
  /** In the order of their arrival. */
  items: Item[];
  /** How often the first item was passed over. */
  passes: number;
  /** The virtual time when the client began to wait, and the cost that it has been served since then. */
  served: number;
}

/**
 * A queue that is shared fairly by clients: the next item belongs to the client that will have been served the least work with it
 * (weighted fair queueing: Demers, Keshav and Shenker, 1989). So who asks for a little need not wait for those who ask for much.
 * Among items of one client, cheap ones come first.
 */
export class FairQueue<Item extends Waiting> {
  readonly #clients = new Map<string, ClientQueue<Item>>();
  #size = 0;
  /**
   * What a client has been served that has had its share from the start. A client that begins to wait starts here. So those who
   * come later cannot pass over an expensive item for ever.
   */
  #virtualTime = 0;
  /** Each client's share of the last item, which is added to the virtual time when the next item is taken. */
  #lastShare = 0;

  get size(): number {
    return this.#size;
  }

  /** @param runningCost of what the client need not wait for, because it already runs */
  add(item: Item, runningCost = 0): void {
    const queue = this.#clients.get(item.client) ?? { items: [], passes: 0, served: 0 };
    if (queue.items.length === 0) queue.served = Math.max(queue.served, this.#virtualTime + runningCost);
    queue.items.push(item);
    this.#clients.set(item.client, queue);
    this.#size += 1;
  }

  /** Takes an item out before its turn. */
  remove(item: Item): void {
    const queue = this.#clients.get(item.client);
    if (queue !== undefined) this.#take(queue, item);
  }

  /** Takes out the next item of the clients that may have a turn. */
  next(mayRun: (client: string) => boolean = () => true): Item | undefined {
    let next: { item: Item; queue: ClientQueue<Item> } | undefined;
    for (const [client, queue] of this.#clients) {
      if (queue.items.length === 0 || !mayRun(client)) continue;
      const candidate = { item: headOf(queue), queue };
      if (next === undefined || comesBefore(candidate, next)) next = candidate;
    }
    if (next === undefined) return undefined;
    const { item, queue } = next;
    queue.passes = item === queue.items[0] ? 0 : queue.passes + 1;
    this.#virtualTime = Math.max(queue.served, this.#virtualTime + this.#lastShare);
    this.#lastShare = item.cost / this.load(item.client).clients;
    queue.served += item.cost;
    this.#take(queue, item);
    this.#forgetSettled();
    return item;
  }

  /**
   * Takes out the item that gives way to a new one of `client`: the most expensive one of the client with most items, if that client
   * would still have as many as `client`.
   */
  displaceFor(client: string): Item | undefined {
    const queues = [...this.#clients.values()];
    const longest = queues.reduce<ClientQueue<Item> | undefined>(
      (a, b) => (a !== undefined && a.items.length >= b.items.length ? a : b),
      undefined,
    );
    const own = this.#clients.get(client)?.items.length ?? 0;
    if (longest === undefined || longest.items.length < own + 2) return undefined;
    // The newest of equals.
    const item = longest.items.reduce((a, b) => (b.cost >= a.cost ? b : a));
    this.#take(longest, item);
    return item;
  }

  /** Whether a client without items would find or get room. */
  hasRoom(capacity: number): boolean {
    if (this.#size < capacity) return true;
    return [...this.#clients.values()].some(({ items }) => items.length >= 2);
  }

  /** Cost of everything that a client waits for, and the number of clients that wait. */
  load(client: string): { cost: number; clients: number } {
    const items = this.#clients.get(client)?.items ?? [];
    const waiting = [...this.#clients.values()].filter((queue) => queue.items.length > 0);
    return { cost: items.reduce((sum, { cost }) => sum + cost, 0), clients: waiting.length };
  }

  /** Takes out everything. */
  clear(): Item[] {
    const items = [...this.#clients.values()].flatMap((queue) => queue.items);
    this.#forgetAll();
    return items;
  }

  #take(queue: ClientQueue<Item>, item: Item): void {
    const at = queue.items.indexOf(item);
    if (at < 0) return;
    queue.items.splice(at, 1);
    this.#size -= 1;
    // If nobody waits, nobody is owed anything.
    if (this.#size === 0) this.#forgetAll();
  }

  /** Forgets the clients that wait for nothing and would start at the virtual time anyway. */
  #forgetSettled(): void {
    for (const [client, { items, served }] of this.#clients)
      if (items.length === 0 && served <= this.#virtualTime) this.#clients.delete(client);
  }

  #forgetAll(): void {
    this.#clients.clear();
    this.#size = 0;
    this.#virtualTime = 0;
    this.#lastShare = 0;
  }
}

/** The client's cheapest item, unless the oldest has been passed over too often. */
function headOf<Item extends Waiting>({ items, passes }: ClientQueue<Item>): Item {
  const [oldest] = items as [Item, ...Item[]];
  return passes >= MAX_PASSES ? oldest : items.reduce((a, b) => (b.cost < a.cost ? b : a));
}

type Candidate<Item> = { item: Item; queue: ClientQueue<Item> };

function comesBefore<Item extends Waiting>(a: Candidate<Item>, b: Candidate<Item>): boolean {
  const [servedA, servedB] = [a.queue.served + a.item.cost, b.queue.served + b.item.cost];
  return servedA !== servedB ? servedA < servedB : a.item.cost < b.item.cost;
}
