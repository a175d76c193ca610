import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import { InvalidRedoTaskError } from '../redo.errors.js';
import { noTransaction } from '../redo.messages.js';

/**
 * The query runner of the transaction that the caller passed.
 *
 * @throws {InvalidRedoTaskError} it has none that is open, or it is one of another database
 */
export function callerRunner(manager: EntityManager | QueryRunner, dataSource: DataSource): QueryRunner {
  const runner = isRunner(manager) ? manager : manager.queryRunner;
  if (!runner) throw refused('is not in a transaction');
  if (runner.manager.connection !== dataSource) throw refused('belongs to another data source');
  if (runner.isReleased || !runner.isTransactionActive) throw refused('is of a transaction that is finished');
  return runner;
}

const refused = (what: string) => new InvalidRedoTaskError(noTransaction(what));

const isRunner = (manager: EntityManager | QueryRunner): manager is QueryRunner =>
  'isTransactionActive' in manager;
