/**
 * Removes the packages that a production install does not need: those that npm installs only because a dependency could use them
 * (optional peers, such as Prisma's command line), those that are in a bundle already, and those that are named. Usage, after `npm ci --omit=dev`:
 *
 *   node scripts/prune-production.ts [--without NAME]…
 */
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';

/** An entry of `packages` in package-lock.json; its key is the folder. */
export interface LockedPackage {
  dependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  peerDependenciesMeta?: Record<string, { optional?: boolean }>;
}

export type Lock = Readonly<Record<string, LockedPackage>>;

/** Packages of which only a bundle for browsers is used: it contains what they depend on. */
const BUNDLES = ['redoc'];

/** The folder of a dependency, as Node finds it from another package's folder. */
function resolve(lock: Lock, from: string, name: string): string | undefined {
  for (let folder = from; ; folder = path.posix.dirname(folder)) {
    const candidate = path.posix.join(folder, 'node_modules', name);
    if (lock[candidate] !== undefined) return candidate;
    if (folder === '' || folder === '.') return undefined;
  }
}

/** The names of what a package needs; without dependencies that are optional peers. */
function needs({
  dependencies = {},
  optionalDependencies = {},
  peerDependencies = {},
  peerDependenciesMeta = {},
}: LockedPackage): string[] {
  const peers = Object.keys(peerDependencies).filter((name) => !peerDependenciesMeta[name]?.optional);
  return [...Object.keys(dependencies), ...Object.keys(optionalDependencies), ...peers];
}

/**
 * The folders of all packages that the project needs when it runs.
 *
 * @param without direct dependencies that are not needed here
 */
export function neededPackages(lock: Lock, without: readonly string[] = []): Set<string> {
  const needed = new Set<string>();
  const visit = (folder: string, names: readonly string[]) => {
    for (const name of names) {
      const found = resolve(lock, folder, name);
      if (found === undefined || needed.has(found)) continue;
      needed.add(found);
      if (!BUNDLES.includes(name)) visit(found, needs(lock[found] ?? {}));
    }
  };
  const direct = Object.keys(lock['']?.dependencies ?? {});
  visit(
    '',
    direct.filter((name) => !without.includes(name)),
  );
  return needed;
}

/** Removes what removed packages leave in a `node_modules` folder: links to their commands, and scopes without packages. */
function removeRemains(modules: string): void {
  const commands = path.join(modules, '.bin');
  const links = existsSync(commands) ? readdirSync(commands).map((name) => path.join(commands, name)) : [];
  for (const link of links) if (!existsSync(link)) rmSync(link, { force: true });
  const scopes = readdirSync(modules).filter((name) => name.startsWith('@'));
  for (const scope of scopes.map((name) => path.join(modules, name)))
    if (readdirSync(scope).length === 0) rmdirSync(scope);
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { without: { type: 'string', multiple: true, default: [] } } });
  const { packages }: { packages: Lock } = JSON.parse(readFileSync('package-lock.json', 'utf8'));
  const unknown = values.without.filter((name) => packages['']?.dependencies?.[name] === undefined);
  if (unknown.length > 0) throw new Error(`Not a dependency: ${unknown.join(', ')}`);
  const needed = neededPackages(packages, values.without);
  const folders = Object.keys(packages).filter(
    (folder) => folder !== '' && !needed.has(folder) && existsSync(folder),
  );
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  const parents = new Set(folders.map((folder) => folder.replace(/(.*node_modules)\/.*/, '$1')));
  for (const modules of parents) if (existsSync(modules)) removeRemains(modules);
  console.log(`${folders.length} packages removed.`);
}
