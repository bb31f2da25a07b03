import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';

/**
 * Creates a folder, and its parents if they are missing. (Node's own recursive `mkdir` never ends in file systems that refuse new
 * folders, such as `/proc`.)
 *
 * @returns the folders that were created, the outermost first
 * @throws the system's error if one cannot be created, or if the path is a file
 */
export async function makeFolder(folder: string, mode?: number): Promise<string[]> {
  const parent = path.dirname(folder);
  const created = parent === folder || (await isFolder(parent)) ? [] : await makeFolder(parent, mode);
  try {
    await mkdir(folder, { mode });
    return [...created, folder];
  } catch (error) {
    if (await isFolder(folder)) return created;
    throw error;
  }
}

async function isFolder(file: string): Promise<boolean> {
  const found = await stat(file).catch(() => undefined);
  return found?.isDirectory() ?? false;
}
