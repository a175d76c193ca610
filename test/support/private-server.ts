import { type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { chmod, chown, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { endOfFile } from './end-of-file.js';
import { freePort } from './free-port.js';
import { type Keeper } from './keeper.js';
import { childrenOf } from './process-tree.js';
import { type Account } from './programs.js';
import { serverVersion } from './server-connection.js';
import { type ServerKind } from './server-kinds.js';
import { waitFor } from './wait-for.js';

const START_TIMEOUT = 90_000;
const PORT_TRIES = 5;

/**
 * A database server of our own: its data, socket and log lie in a temporary directory, it listens on a free
 * loopback port, and it is as durable as the server is by default.
 */
export class PrivateServer {
  readonly ownProcess = true;
  version = '';
  private port = 0;
  private process: ChildProcess | undefined;

  private constructor(
    readonly kind: ServerKind,
    private readonly program: string,
    private readonly keeper: Keeper,
    private readonly directory: string,
    private readonly env: NodeJS.ProcessEnv,
    private readonly account: Account | undefined,
  ) {}

  static async start(
    kind: ServerKind,
    program: string,
    keeper: Keeper,
    env: NodeJS.ProcessEnv = {},
  ): Promise<PrivateServer> {
    const directory = await mkdtemp(join(keeper.directory, `${kind.name}-`));
    const account = await kind.account();
    if (account) {
      // It may pass through what is ours to what is its own.
      await chmod(keeper.directory, 0o711);
      await chown(directory, account.uid, account.gid);
    }
    const server = new PrivateServer(kind, program, keeper, directory, env, account);
    await server.initialise();
    await server.startOnFreePort();
    return server;
  }

  get url(): string {
    return `${this.kind.name}://${this.kind.superuser}@127.0.0.1:${this.port}/`;
  }

  /** SIGKILL, as a crash would be; the data stays. Returns when the process is gone. */
  kill(): Promise<void> {
    return this.end('SIGKILL');
  }

  /** As a restart in good order begins. Returns when the process is gone. */
  shutDown(): Promise<void> {
    return this.end(this.kind.stopSignal);
  }

  /** Starts again on the same port and data, after a `kill` if need be. Returns when it answers. */
  async restart(): Promise<void> {
    await this.kill();
    for (const giveUpAt = performance.now() + START_TIMEOUT; ; await pause(50)) {
      try {
        return await this.launch();
      } catch (error) {
        // PostgreSQL's other processes may not have noticed yet that the first one was killed.
        const lingering = /pre-existing shared memory/.test(String(error));
        if (!lingering || performance.now() > giveUpAt) throw error;
      }
    }
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const running = this.process;
    this.process = undefined;
    if (!running || hasEnded(running)) return;
    const ended = once(running, 'exit');
    running.ref();
    // PostgreSQL's processes are in groups of their own. The first one comes first: it would start the others again.
    const others = signal === 'SIGKILL' ? await childrenOf(running.pid!) : [];
    running.kill(signal);
    for (const pid of others) killIfThere(pid);
    await ended;
  }

  private async initialise(): Promise<void> {
    const { program, args } = await this.kind.initialise(this.program, this.data);
    const child = this.spawnLogged(program, args);
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`${program} failed (exit ${code}):\n${await endOfFile(this.log)}`);
  }

  private async startOnFreePort(): Promise<void> {
    for (let tries = 1; ; tries++) {
      this.port = await freePort();
      try {
        return await this.launch();
      } catch (error) {
        // Somebody may take the port between our look and the server's.
        const portTaken = /address already in use|port: \d+ .*in use/i.test(String(error));
        if (!portTaken || tries === PORT_TRIES) throw error;
      }
    }
  }

  private async launch(): Promise<void> {
    const { directory, data, port } = this;
    const child = this.spawnLogged(this.program, this.kind.serverArguments({ directory, data, port }));
    // The test run ends without waiting for it.
    child.unref();
    this.process = child;
    const answer = await waitFor(() => (hasEnded(child) ? 'ended' : serverVersion(this.url)), {
      timeout: START_TIMEOUT,
      interval: 50,
      what: `${this.kind.name} to answer on port ${this.port}`,
    });
    if (hasEnded(child)) throw new Error(`${this.program} ended at once:\n${await endOfFile(this.log)}`);
    this.version = answer;
  }

  private spawnLogged(program: string, args: string[]): ChildProcess {
    const log = openSync(this.log, 'a');
    const child = this.keeper.spawn(program, args, {
      stdio: ['ignore', log, log],
      env: { ...process.env, ...this.env },
      cwd: this.directory,
      ...this.account,
      endSignal: this.kind.endSignal,
    });
    closeSync(log);
    return child;
  }

  private get data(): string {
    return join(this.directory, 'data');
  }

  /** The file it writes what happens to. */
  get log(): string {
    return join(this.directory, 'server.log');
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended with its parent.
  }
}
