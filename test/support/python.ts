import { spawnSync } from 'node:child_process';

/** The Python in which test/requirements.txt is installed. */
export const PYTHON = process.env.PYTHON ?? 'python3';

const FIND =
  'import sys, importlib.util as u; sys.exit(any(u.find_spec(name) is None for name in sys.argv[1:]))';

/** Why a test that needs these modules is skipped here, or false. */
export function needsPython(...modules: readonly string[]): string | false {
  const { status } = spawnSync(PYTHON, ['-c', FIND, ...modules]);
  return status === 0 ? false : 'needs Python with test/requirements.txt (PYTHON)';
}
