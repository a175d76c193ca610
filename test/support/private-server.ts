import { type ChildProcess, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from './free-port.js';
import { type Keeper } from './keeper.js';
import { serverVersion } from './server-connection.js';
import { asRoot, type ServerKind } from './server-kinds.js';
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
  ) {}

  static async start(
    kind: ServerKind,
    program: string,
    keeper: Keeper,
    env: NodeJS.ProcessEnv = {},
  ): Promise<PrivateServer> {
    const directory = await mkdtemp(join(keeper.directory, `${kind.name}-`));
    const server = new PrivateServer(kind, program, keeper, directory, env);
    await server.initialise();
    await server.startOnFreePort();
    return server;
  }

  get url(): string {
    return `${this.kind.name}://root@127.0.0.1:${this.port}/`;
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
    await this.launch();
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const running = this.process;
    this.process = undefined;
    if (!running || hasEnded(running)) return;
    const ended = once(running, 'exit');
    running.ref();
    running.kill(signal);
    await ended;
  }

  private async initialise(): Promise<void> {
    const { program, args } = await this.kind.initialise(this.program, this.data);
    const child = this.spawnLogged(program, args);
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`${program} failed (exit ${code}):\n${await this.endOfLog()}`);
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
    const child = this.spawnLogged(this.program, this.serverArguments());
    // The test run ends without waiting for it.
    child.unref();
    this.process = child;
    const answer = await waitFor(() => (hasEnded(child) ? 'ended' : serverVersion(this.url)), {
      timeout: START_TIMEOUT,
      interval: 50,
      what: `${this.kind.name} to answer on port ${this.port}`,
    });
    if (hasEnded(child)) throw new Error(`${this.program} ended at once:\n${await this.endOfLog()}`);
    this.version = answer;
  }

  private serverArguments(): string[] {
    return [
      '--no-defaults',
      `--datadir=${this.data}`,
      `--socket=${join(this.directory, 'server.sock')}`,
      `--pid-file=${join(this.directory, 'server.pid')}`,
      '--bind-address=127.0.0.1',
      `--port=${this.port}`,
      '--skip-networking=OFF',
      // Several test files at once, each with pools.
      '--max-connections=500',
      ...this.kind.serverArguments,
      ...asRoot(),
    ];
  }

  private spawnLogged(program: string, args: string[]): ChildProcess {
    const log = openSync(this.log, 'a');
    const options: SpawnOptions = { stdio: ['ignore', log, log], env: { ...process.env, ...this.env } };
    const child = this.keeper.spawn(program, args, options);
    closeSync(log);
    return child;
  }

  private get data(): string {
    return join(this.directory, 'data');
  }

  private get log(): string {
    return join(this.directory, 'server.log');
  }

  private async endOfLog(): Promise<string> {
    return (await readFile(this.log, 'utf8')).split('\n').slice(-25).join('\n');
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
