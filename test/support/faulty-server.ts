import { once } from 'node:events';
import { type Socket } from 'node:net';
import { type DataSource, type QueryRunner } from 'typeorm';
import { type Faults } from './faults.js';

type Query = (text: string, ...rest: unknown[]) => Promise<never>;

/** A server's connections, which break where a fault is to happen. */
export class FaultyServer {
  private readonly runners = new Set<QueryRunner>();
  private readonly asked = new Set<Promise<unknown>>();

  constructor(private readonly faults: Faults) {}

  lieInWait(dataSource: DataSource): void {
    const create = dataSource.createQueryRunner.bind(dataSource);
    dataSource.createQueryRunner = (mode) => (this.faults.isWork ? this.watched(create(mode)) : create(mode));
  }

  private watched(runner: QueryRunner): QueryRunner {
    this.faults.begin();
    this.runners.add(runner);
    const release = runner.release.bind(runner);
    runner.release = () => {
      this.runners.delete(runner);
      return release();
    };
    const ask = runner.query.bind(runner) as Query;
    runner.query = (async (text, ...rest) => {
      const fault = this.faults.meet(text);
      if (fault === 'fails') await cut(runner);
      const answer = await this.noted(ask(text, ...rest));
      if (fault === undefined) return answer;
      if (fault === 'is the last') return this.end(runner);
      await cut(runner);
      // The driver's own error.
      return ask('SELECT 1');
    }) as Query;
    return runner;
  }

  /** What is sent already is done before the other connections break: of two things that may happen always the same. */
  private async end(runner: QueryRunner): Promise<never> {
    this.faults.fallSilent();
    await cut(runner);
    await Promise.allSettled(this.asked);
    await Promise.all([...this.runners].map(cut));
    return this.faults.die();
  }

  private async noted<T>(answer: Promise<T>): Promise<T> {
    this.asked.add(answer);
    try {
      return await answer;
    } finally {
      this.asked.delete(answer);
    }
  }
}

/** Ends a connection as a broken network does: nobody says goodbye. */
async function cut(runner: QueryRunner): Promise<void> {
  const connection = (await runner.connect()) as { stream?: Socket; connection?: { stream: Socket } };
  const socket = connection.stream ?? connection.connection?.stream;
  if (!socket) throw new Error('this driver’s connection has no socket to be cut');
  if (socket.destroyed) return;
  const closed = once(socket, 'close');
  socket.destroy();
  await closed;
}
