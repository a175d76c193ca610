import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { atExit } from './at-exit.js';

const MAIN = fileURLToPath(new URL('../child/main.js', import.meta.url));

/** One side in a process of its own, told what to do by messages. */
export class SideProcess {
  #child;
  #waiting = new Map();
  #lastId = 0;

  /**
   * @param {{ side: string, place: import('../sides/side.js').Place }} what
   * @param {string} [profile] the folder where it leaves a CPU profile
   */
  static async start(what, profile) {
    const own = new SideProcess();
    own.what = what;
    own.#child = fork(MAIN, {
      serialization: 'advanced',
      // What it says by the way is not ours to print.
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      execArgv: profile ? ['--cpu-prof', `--cpu-prof-dir=${profile}`] : [],
    });
    const forget = atExit(() => own.#child.kill('SIGKILL'));
    own.#child.once('exit', () => {
      forget();
      for (const { reject } of own.#waiting.values())
        reject(new Error(`the process of ${what.side} ended by itself`));
    });
    own.#child.on('message', ({ id, result, error }) => {
      const waiting = own.#waiting.get(id);
      own.#waiting.delete(id);
      if (error) waiting?.reject(new Error(`${what.side}: ${error}`));
      else waiting?.resolve(result);
    });
    await once(own.#child, 'message');
    return own;
  }

  get pid() {
    return this.#child.pid;
  }

  do(operation, args) {
    const id = (this.#lastId += 1);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, operation, args });
    });
  }

  prepare = () => this.do('prepare', this.what);
  open = () => this.do('open', this.what);

  /** Politely, but not for long: what it leaves in its database goes with that. */
  async stop() {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
    await this.do('close').catch(() => {});
    if (child.connected) child.disconnect();
    const hard = setTimeout(() => child.kill('SIGKILL'), 3_000);
    await ended;
    clearTimeout(timer);
    clearTimeout(hard);
  }
}
