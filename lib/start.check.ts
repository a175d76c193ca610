import { Inject, Injectable, Logger } from '@nestjs/common';
import { MissingTablesError, RedoConfigurationError } from './redo.errors.js';
import { autocommitOff, notReachedYet } from './redo.messages.js';
import { type Database, REDO_DATABASE } from './store/database.js';
import { autocommits, checkTables } from './store/lock.row.js';

/** At start-up: without tables the application must not seem to work. A database that is away is waited for instead. */
@Injectable()
export class StartCheck {
  private readonly logger = new Logger('Redo');

  constructor(@Inject(REDO_DATABASE) private readonly database: Database) {}

  /**
   * @throws {MissingTablesError} the migrations were not run
   * @throws {RedoConfigurationError} connections come with autocommit off
   */
  async run(): Promise<void> {
    const { dialect, name } = this.database;
    try {
      await this.database.read(() => checkTables());
      if (!(await this.database.read(() => autocommits(dialect))))
        throw new RedoConfigurationError(autocommitOff(name));
    } catch (error) {
      if (error instanceof MissingTablesError || error instanceof RedoConfigurationError) throw error;
      this.logger.warn(notReachedYet(name, (error as Error).message));
    }
  }
}
