import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { Inject, Injectable } from '@nestjs/common';
import { RedoHandlerRegistry } from '../handlers/handler.registry.js';
import { REDO_OPTIONS, type ResolvedRedoOptions } from '../redo.options.js';
import { lockResource } from '../store/claim.js';
import { type Database, REDO_DATABASE } from '../store/database.js';
import { register, type WorkerIdentity, writeOwnRow } from '../store/ledger.js';
import { ensureLockRow } from '../store/lock.row.js';
import type { Reached } from '../store/reached.js';
import { Backlog } from './backlog.js';
import { Lease } from './lease.js';
import type { HeldTask } from './task.in.hand.js';
import { patienceOf, WorkerLife } from './worker.life.js';

/** Enters a worker into the ledger, and keeps it there. */
@Injectable()
export class Registrar {
  constructor(
    @Inject(REDO_DATABASE) private readonly database: Database,
    @Inject(REDO_OPTIONS) private readonly options: ResolvedRedoOptions,
    private readonly registry: RedoHandlerRegistry,
    private readonly backlog: Backlog,
  ) {}

  /** @param onLapse called once the lease of this life has run out */
  async register(onLapse: (life: WorkerLife) => void): Promise<WorkerLife> {
    const identity = this.newIdentity();
    const { applicationName, lease: length } = identity;
    const { dialect } = this.database;
    const sentAt = performance.now();
    await this.database.transaction(function* () {
      yield* ensureLockRow(dialect, lockResource(applicationName));
      yield* register(dialect, identity);
    }, patienceOf(length));
    const life = new WorkerLife(identity, new Lease(length, () => onLapse(life)));
    life.lease.renewed(sentAt);
    return life;
  }

  /**
   * Writes this worker's row, which renews its lease.
   *
   * @param surplus what it hands back with that
   * @param reached how far claims have come, where that is news
   */
  async renew(life: WorkerLife, surplus: readonly HeldTask[], reached?: Reached): Promise<void> {
    for (const { task } of surplus) {
      life.forget(task.id);
      this.backlog.expect(task.redoTaskId);
    }
    const { dialect } = this.database;
    const turn = life.turns.next();
    try {
      const sentAt = performance.now();
      await this.database.autocommit(
        () => writeOwnRow(dialect, life.identity, turn, () => life.holding(), reached),
        life.patience,
      );
      if (!life.over) life.lease.renewed(sentAt);
    } finally {
      turn.leave();
    }
  }

  private newIdentity(): WorkerIdentity {
    const { applicationName, lease } = this.options;
    const handlers = () => this.registry.handledTypes().map(({ redoTaskId }) => redoTaskId);
    return { id: randomUUID(), applicationName, host: hostname(), pid: process.pid, handlers, lease };
  }
}
