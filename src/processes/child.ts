import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { TaskAnswer, TaskRequest, WorkerMessage } from './messages.ts';

/**
 * What an image process inherits: where programs, libraries and temporary files are, and nothing secret. LD_PRELOAD
 * brings jemalloc where a container sets it. NODE_COMPILE_CACHE, where an operator has a private folder for it, brings a
 * start from 0.38 s to 0.17 s.
 */
const INHERITED = [
  'PATH',
  'LD_PRELOAD',
  'LD_LIBRARY_PATH',
  'NODE_COMPILE_CACHE',
  'TMPDIR',
  'TEMP',
  'TMP',
  'SystemRoot',
  'TZ',
];

/**
 * Against the growth of resident memory. Two processes, 2,000 resizes of a 6 MP JPEG, MiB of one process after 200
 * and after 2,000: nothing set 105 → 130; MALLOC_ARENA_MAX=2 87 → 102; and semi-spaces of 1 MiB 85 → 95; and 2
 * libuv threads (one decodes, one for files) 83 → 88.
 * The collector is called by an idle process.
 */
const EXEC_ARGV = ['--max-semi-space-size=1', '--expose-gc'];

/** Characters kept of what a process writes to stderr, to explain its end. */
const STDERR_KEPT = 2000;

/** An idle process leaves within a few milliseconds. */
const DISMISSAL_MS = 1000;

export interface ImageProcessEvents {
  /** It has loaded its code and can be given tasks. */
  ready(): void;
  answer(answer: TaskAnswer): void;
  /** It is gone, by itself or killed; comes exactly once, and after every message. */
  exit(reason: string): void;
}

/** The pool's handle of one child process. */
export class ImageProcess {
  isReady = false;
  readonly #child: ChildProcess;
  #stderr = '';

  constructor(mainModule: URL, events: ImageProcessEvents) {
    this.#child = fork(fileURLToPath(mainModule), [], {
      serialization: 'advanced',
      env: childEnvironment(process.env),
      execArgv: EXEC_ARGV,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child.on('message', (message: WorkerMessage) => {
      if (message.type === 'ready') {
        this.isReady = true;
        events.ready();
      } else {
        events.answer(message);
      }
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_KEPT);
    });
    const exited = new Promise<string>((resolve) => {
      this.#child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
      // Where spawning fails there is no 'exit'.
      this.#child.once('error', (error) => this.#child.pid ?? resolve(error.message));
    });
    // 'exit' may come before the last message has been read from the channel; after 'disconnect' there are none.
    // ('close' would say both, but does not come after a disconnect from this side.)
    const disconnected = new Promise<void>((resolve) => {
      if (this.#child.connected) this.#child.once('disconnect', resolve);
      else resolve();
    });
    Promise.all([exited, disconnected]).then(([reason]) => {
      this.isReady = false;
      events.exit(this.#stderr === '' ? reason : `${reason}; stderr: ${this.#stderr}`);
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  send(message: TaskRequest): void {
    // A failure to send means that the process is going away, which 'close' reports.
    this.#child.send(message, () => {});
  }

  /** Ends it at once, whatever it does. */
  kill(): void {
    this.isReady = false;
    this.#child.kill('SIGKILL');
  }

  /** Lets an idle one leave by itself, and ends it where it does not. */
  dismiss(): void {
    this.isReady = false;
    if (this.#child.connected) this.#child.disconnect();
    setTimeout(() => this.#child.kill('SIGKILL'), DISMISSAL_MS).unref();
  }
}

function childEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const inherited = INHERITED.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]));
  return {
    ...Object.fromEntries(inherited),
    MALLOC_ARENA_MAX: '2',
    UV_THREADPOOL_SIZE: '2',
    // GLib's warnings are in the errors that sharp throws.
    VIPS_WARNING: '0',
  };
}
