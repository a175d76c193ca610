import { Inject, Injectable, Logger } from '@nestjs/common';
import { MissingTablesError } from './redo.errors.js';
import { notReachedYet } from './redo.messages.js';
import { type Database, REDO_DATABASE } from './store/database.js';
import { checkTables } from './store/lock.row.js';

/** At start-up: without tables the application must not seem to work. A database that is away is waited for instead. */
@Injectable()
export class StartCheck {
  private readonly logger = new Logger('Redo');

  constructor(@Inject(REDO_DATABASE) private readonly database: Database) {}

  /** @throws {MissingTablesError} the migrations were not run */
  async run(): Promise<void> {
    try {
      await this.database.read(() => checkTables());
    } catch (error) {
      if (error instanceof MissingTablesError) throw error;
      this.logger.warn(notReachedYet(this.database.name, (error as Error).message));
    }
  }
}
