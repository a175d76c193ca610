import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';
import { type Keeper, startKeeper } from './keeper.js';
import { waitFor } from './wait-for.js';

export interface NodeProcess {
  readonly pid: number;
  /** What it printed on standard output so far. */
  readonly lines: readonly string[];
  /** What it printed on standard error so far. */
  readonly errors: readonly string[];
  /** How it ended; never rejects. */
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** The first line, of those already printed or to come, that matches. Rejects if the process ends without it. */
  waitForLine(pattern: RegExp | string, options?: { timeout?: number }): Promise<string>;
  /** Writes a line to its standard input. */
  send(line: string): void;
  /** @default SIGKILL */
  kill(signal?: NodeJS.Signals): void;
}

let keeper: Promise<Keeper> | undefined;

/**
 * Starts `test/processes/<name>.ts` (compiled) in a process of its own, which does not outlive this one.
 * @param name a file of `test/processes` without its ending, or an absolute path
 */
export async function spawnNode(
  name: string,
  options: { args?: string[]; env?: NodeJS.ProcessEnv } = {},
): Promise<NodeProcess> {
  const script = name.startsWith('/')
    ? name
    : fileURLToPath(new URL(`../processes/${name}.js`, import.meta.url));
  keeper ??= startKeeper();
  const child = (await keeper).spawn(
    process.execPath,
    ['--enable-source-maps', script, ...(options.args ?? [])],
    {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
    },
  );
  const lines: string[] = [];
  const errors: string[] = [];
  createInterface({ input: child.stdout! }).on('line', (line) => lines.push(line));
  createInterface({ input: child.stderr! }).on('line', (line) => errors.push(line));
  // Writing to a process that was killed is no error of the test.
  child.stdin!.on('error', () => {});

  let ended = false;
  // 'close' comes after the last output, 'exit' may come before it.
  const exited = once(child, 'close').then(([code, signal]) => {
    ended = true;
    return { code: code as number | null, signal: signal as NodeJS.Signals | null };
  });

  return {
    pid: child.pid!,
    lines,
    errors,
    exited,
    async waitForLine(pattern, { timeout = 30_000 } = {}) {
      const matching = () =>
        lines.find((line) => (typeof pattern === 'string' ? line.includes(pattern) : pattern.test(line)));
      const what = `${name} to print ${pattern}`;
      await waitFor(() => matching() !== undefined || ended, { timeout, what }).catch((error: Error) => {
        throw new Error(`${error.message}\n${outputOf(lines, errors)}`);
      });
      const line = matching();
      if (line === undefined)
        throw new Error(`${name} ended before it printed ${pattern}\n${outputOf(lines, errors)}`);
      return line;
    },
    send: (line) => void child.stdin!.write(`${line}\n`),
    kill: (signal = 'SIGKILL') => void child.kill(signal),
  };
}

function outputOf(lines: string[], errors: string[]): string {
  return [...lines.slice(-20), ...errors.slice(-20)].join('\n');
}
