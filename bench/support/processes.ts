import { readdir, readFile } from 'node:fs/promises';

/** Ticks per second of the times in `/proc`: USER_HZ, 100 on every Linux that Node runs on. */
const TICKS = 100;

/** One process as `/proc` shows it (proc(5)). */
export interface ProcessSample {
  pid: number;
  parent: number;
  /** CPU seconds of the process itself. */
  cpu: number;
  /** CPU seconds of its children that have ended and were waited for. */
  childrenCpu: number;
  /** Resident memory in bytes. */
  rss: number;
  /** The part of it that is shared memory, such as PostgreSQL's buffers. */
  shared: number;
}

async function sample(pid: number): Promise<ProcessSample | undefined> {
  const [stat, status] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''),
    readFile(`/proc/${pid}/status`, 'utf8').catch(() => ''),
  ]);
  // The second field is a name in parentheses, which may contain blanks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields.length < 20) return undefined;
  const ticks = (index: number) => Number(fields[index]) / TICKS;
  return {
    pid,
    parent: Number(fields[1]),
    cpu: ticks(11) + ticks(12),
    childrenCpu: ticks(13) + ticks(14),
    rss: 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0),
    shared: 1024 * Number(/^RssShmem:\s+(\d+)/m.exec(status)?.[1] ?? 0),
  };
}

/** A process and all its descendants, itself first. Linux only. */
export async function processTree(root: number): Promise<ProcessSample[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const samples = (await Promise.all(pids.map(sample))).filter((found) => found !== undefined);
  const tree = samples.filter(({ pid }) => pid === root);
  for (const { pid } of tree) tree.push(...samples.filter(({ parent }) => parent === pid));
  return tree;
}

/** CPU seconds of a process and all its descendants, including those that have exited. */
export async function treeCpu(root: number): Promise<number> {
  const tree = await processTree(root);
  return tree.reduce((total, { cpu, childrenCpu }) => total + cpu + childrenCpu, 0);
}

/** Resident memory in bytes of a process and its descendants. Shared memory counts once, as the largest share of a process. */
export async function treeMemory(
  root: number,
  without: ReadonlySet<number> = new Set(),
): Promise<{ pids: number[]; root: number; total: number }> {
  const tree = (await processTree(root)).filter(({ pid }) => !without.has(pid));
  const own = tree.reduce((total, { rss, shared }) => total + rss - shared, 0);
  return {
    pids: tree.map(({ pid }) => pid),
    root: tree[0]?.rss ?? 0,
    total: own + Math.max(0, ...tree.map(({ shared }) => shared)),
  };
}
