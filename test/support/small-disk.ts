import { spawnSync } from 'node:child_process';
import { mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

/**
 * Runs `work` with a folder on a file system of its own that holds little. Mounting one needs a privilege: gives false, without
 * running `work`, where it is missing.
 *
 * @param options of tmpfs, for example `size=64k,nr_inodes=4`
 */
export async function withSmallDisk(
  options: string,
  work: (folder: string) => Promise<void>,
): Promise<boolean> {
  const folder = await mkdtemp(path.join(tmpdir(), 'coreframe-disk-'));
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder]);
  try {
    if (status === 0) await work(folder);
  } finally {
    if (status === 0) spawnSync('umount', ['-l', folder]);
    await rmdir(folder);
  }
  return status === 0;
}
