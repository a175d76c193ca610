import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { atExit } from '../harness/at-exit.js';

/**
 * A server program of the bench's own: data, socket and log lie in a directory of its own, it listens on a free loopback port
 * and is as durable as it is by default. It ends, and its data goes, when this process ends.
 */
export class PrivateServer {
  #child;

  /** @param {{ directory: string, port: number, log: string }} place */
  constructor(place) {
    this.place = place;
  }

  /**
   * @param {object} kind
   * @param {string} kind.name
   * @param {string} parent where its directory is made
   * @param {(place: { directory: string, port: number }) => Promise<void>} [kind.initialise]
   * @param {(place: { directory: string, port: number }) => { program: string, args: string[], options?: object }} kind.command
   * @param {(port: number) => Promise<unknown>} kind.answers throws until the server answers
   */
  static async start(kind, parent) {
    const directory = mkdtempSync(join(parent, `redo-bench-${kind.name}-`));
    atExit(() => rmSync(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }));
    const place = { directory, port: await freePort(), log: join(directory, 'log') };
    const server = new PrivateServer(place);
    await kind.initialise?.(place);
    await server.#launch(kind);
    return server;
  }

  get pid() {
    return this.#child.pid;
  }

  async stop() {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async #launch(kind) {
    const { program, args, options } = kind.command(this.place);
    const log = openSync(this.place.log, 'a');
    const child = spawn(program, args, { stdio: ['ignore', log, log], ...options });
    closeSync(log);
    this.#child = child;
    atExit(() => child.kill('SIGKILL'));
    const giveUpAt = performance.now() + 90_000;
    for (;;) {
      try {
        return await kind.answers(this.place.port);
      } catch (error) {
        const ended = child.exitCode !== null || child.signalCode !== null;
        if (ended || performance.now() > giveUpAt)
          throw new Error(
            `${program} did not come up:\n${readFileSync(this.place.log, 'utf8').slice(-2_000)}`,
            {
              cause: error,
            },
          );
        await pause(100);
      }
    }
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
