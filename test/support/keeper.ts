import { type ChildProcess, spawn, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const KEEPER_PROCESS = fileURLToPath(new URL('./keeper.process.js', import.meta.url));

/** A temporary directory and the processes started for it; neither outlives this process, however it ends. */
export interface Keeper {
  readonly directory: string;
  /** Starts a program in a process group of its own, so that it and its children can be ended as one. */
  spawn(program: string, args: readonly string[], options?: KeptOptions): ChildProcess;
  /** Ends what still runs and removes the directory. */
  close(): Promise<void>;
}

export interface KeptOptions extends SpawnOptions {
  /** How it is ended; what does not heed it is killed. @default SIGKILL */
  endSignal?: NodeJS.Signals;
}

export async function startKeeper(): Promise<Keeper> {
  const directory = await mkdtemp(join(tmpdir(), 'redo-test-'));
  const keeper = spawn(process.execPath, [KEEPER_PROCESS, directory], {
    detached: true,
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const ended = once(keeper, 'exit');
  const line = keeper.stdin as Socket;
  // The keeper waits for us, not we for it.
  keeper.unref();
  line.unref();

  return {
    directory,
    spawn(program, args, { endSignal = 'SIGKILL', ...options } = {}) {
      const child = spawn(program, args, { ...options, detached: true });
      const { pid } = child;
      if (pid !== undefined) {
        line.write(`watch ${pid} ${endSignal}\n`);
        // A number that is free again may soon be somebody else's.
        child.once('exit', () => line.writable && line.write(`forget ${pid}\n`));
      }
      return child;
    },
    async close() {
      keeper.ref();
      line.end();
      await ended;
    },
  };
}
