// npm run backup, npm run restore and npm run verify.
import { parseArgs } from 'node:util';
import { backUp } from './backup/backup.ts';
import { openServer } from './backup/connect.ts';
import { BackupFolder } from './backup/folder.ts';
import type { Manifest } from './backup/manifest.ts';
import { createProgress, formatBytes, type Progress } from './backup/progress.ts';
import { prune } from './backup/prune.ts';
import { restore } from './backup/restore.ts';
import { checkFiles, rehearse } from './backup/verify.ts';
import { loadConfig } from './config.ts';
import { isForOperators } from './core/errors.ts';
import { VERSION } from './core/version.ts';

const USAGE = `npm run backup -- FOLDER [--keep NUMBER]
npm run restore -- FOLDER [--backup NAME]
npm run verify -- FOLDER [--backup NAME] [--quick]

docs/backup.md explains them.`;

interface Call {
  folder: BackupFolder;
  keep: number | undefined;
  backup: string | undefined;
  quick: boolean;
  progress: Progress;
  signal: AbortSignal;
}

/** The command line is wrong. */
class UsageError extends Error {}

const COMMANDS: Record<string, { options: readonly string[]; run(call: Call): Promise<string> }> = {
  backup: { options: ['keep'], run: runBackup },
  restore: { options: ['backup'], run: runRestore },
  verify: { options: ['backup', 'quick'], run: runVerify },
};

async function runBackup({ folder, keep, progress, signal }: Call): Promise<string> {
  const server = await openServer(loadConfig(), { isNew: false });
  const warn = (text: string) => process.stderr.write(`${text}\n`);
  const done = await backUp(folder, { url: server.url, version: VERSION, progress, signal, warn }).finally(
    server.close,
  );
  const { name, manifest, blobs } = done;
  const added = `${blobs.newCount} of them new (${formatBytes(blobs.newBytes)})`;
  const parts = [`Wrote the backup ${name}: ${contentsOf(manifest)}, ${added}`];
  if (keep !== undefined) {
    const removed = await prune(folder, keep, progress);
    parts.push(`removed ${plural(removed.backups, 'old backup')} and ${plural(removed.blobs, 'blob')}`);
  }
  return parts.join('; ');
}

async function runRestore({ folder, backup, progress, signal }: Call): Promise<string> {
  const lock = folder.lock('shared');
  try {
    const name = await folder.choose(backup);
    const server = await openServer(loadConfig(), { isNew: true });
    const { manifest, newer } = await restore(folder, name, {
      url: server.url,
      version: VERSION,
      progress,
      signal,
    }).finally(server.close);
    const migrated = newer.length === 0 ? '' : `; applied the newer migrations ${newer.join(', ')}`;
    return `Restored the backup ${name}: ${contentsOf(manifest)}${migrated}${credentialsOf(manifest)}`;
  } finally {
    lock.release();
  }
}

async function runVerify({ folder, backup, quick, progress, signal }: Call): Promise<string> {
  const lock = folder.lock('shared');
  try {
    const name = await folder.choose(backup);
    const files = await checkFiles(folder, progress);
    const checked = `The files of ${plural(files.backups, 'backup')} and ${plural(files.blobs, 'blob')} match their hashes`;
    if (quick) return checked;
    const manifest = await rehearse(folder, name, { version: VERSION, progress, signal });
    return `${checked}; the backup ${name} was restored and compared: ${contentsOf(manifest)}`;
  } finally {
    lock.release();
  }
}

function contentsOf({ tables, blobs }: Manifest): string {
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  const bytes = tables.reduce((sum, table) => sum + table.bytes, 0);
  return `${plural(rows, 'row')} in ${tables.length} tables (${formatBytes(bytes)}) and ${plural(blobs.count, 'blob')} (${formatBytes(blobs.bytes)})`;
}

/** Whoever restores must know that a revoked key may be valid again. */
function credentialsOf({ tables, time }: Manifest): string {
  if (!tables.some(({ name }) => name === 'api_keys')) return '';
  return `. Users have to log in again. API keys, passwords and disabled users are as they were at ${time}; repeat what was revoked, changed or disabled after that`;
}

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** @throws UsageError */
function parse(args: readonly string[]) {
  const [name = '', ...rest] = args;
  const command = COMMANDS[name];
  if (!command) throw new UsageError(USAGE);
  const options = {
    keep: { type: 'string' },
    backup: { type: 'string' },
    quick: { type: 'boolean' },
  } as const;
  let parsed: ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>>;
  try {
    parsed = parseArgs({ args: rest, options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
  }
  const { values, positionals } = parsed;
  const [folder] = positionals;
  const isKnown = Object.keys(values).every((option) => command.options.includes(option));
  if (folder === undefined || folder === '' || positionals.length > 1 || !isKnown)
    throw new UsageError(USAGE);
  if (values.keep !== undefined && !/^[1-9]\d{0,8}$/.test(values.keep)) {
    throw new UsageError(`--keep takes a number from 1.\n\n${USAGE}`);
  }
  return {
    run: command.run,
    folder: new BackupFolder(folder),
    keep: values.keep === undefined ? undefined : Number(values.keep),
    backup: values.backup,
    quick: values.quick ?? false,
  };
}

/** Why the command failed: in one line if the operator can fix it, otherwise with a stack. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (isForOperators(error)) return error.message;
  if ('code' in error && typeof error.code === 'string') {
    if (error.code === 'ENOSPC' || error.code === 'EDQUOT')
      return `The disk of the backup is full (${error.message}). Nothing was added to the backups.`;
    if ('severity' in error) return `PostgreSQL reports: ${error.message} (${error.code}).`;
    if ('syscall' in error) return `${error.message}.`;
  }
  return error.stack ?? error.message;
}

const interruption = new AbortController();
const { signal } = interruption;
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(name, () => interruption.abort(new Error(`Interrupted by ${name}`)));

const progress = createProgress(process.stderr, signal);
const began = performance.now();
try {
  const { run, ...call } = parse(process.argv.slice(2));
  const text = await run({ ...call, progress, signal });
  progress.clear();
  process.stdout.write(`${text}. This took ${((performance.now() - began) / 1000).toFixed(1)} s.\n`);
} catch (error) {
  progress.clear();
  const isUsage = error instanceof UsageError;
  const text = isUsage ? error.message : signal.aborted ? 'Interrupted.' : explain(error);
  process.stderr.write(`${text}\n`);
  process.exitCode = isUsage ? 2 : 1;
}
