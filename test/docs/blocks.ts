import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A fenced block of a Markdown page. */
export interface Block {
  language: string;
  code: string;
  /** The last line of text before it. */
  lead: string;
}

/** The fenced blocks of a Markdown page, in order. */
export function blocksOf(page: string): Block[] {
  return [...page.matchAll(/^```(\w+)\n(.*?)^```/gms)].map(({ index, 1: language = '', 2: code = '' }) => ({
    language,
    code,
    lead:
      page
        .slice(0, index)
        .replaceAll(/^```.*?^```$/gms, '')
        .trimEnd()
        .split('\n')
        .at(-1) ?? '',
  }));
}

/** The section below a heading of the second level. */
export function sectionOf(page: string, heading: string): string {
  const section = page.split(/^## /m).find((text) => text.startsWith(`${heading}\n`));
  if (section === undefined) throw new Error(`There is no section ${heading}`);
  return section;
}

/**
 * Runs commands of a page in a folder, until the first that fails.
 *
 * @param addresses what to write instead of the addresses on the page
 * @param env variables that the page tells the reader to set
 */
export async function runBash(
  script: string,
  cwd: string,
  addresses: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const options = { cwd, env: { ...process.env, ...env }, maxBuffer: 64 * 1024 * 1024 };
  const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', withAddresses(script, addresses)], options);
  return stdout;
}

export function withAddresses(code: string, addresses: Readonly<Record<string, string>>): string {
  return Object.entries(addresses).reduce((text, [from, to]) => text.replaceAll(from, to), code);
}
