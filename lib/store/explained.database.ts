import { MissingTablesError } from '../redo.errors.js';
import { missingTables } from '../redo.messages.js';
import type { Database } from './database.js';
import type { Dialect } from './dialect.js';
import type { Work } from './work.js';

/** A database whose one error that a person can mend says how: run the migrations. */
export class ExplainedDatabase implements Database {
  readonly dialect: Dialect;
  readonly name: string;

  constructor(private readonly database: Database) {
    this.dialect = database.dialect;
    this.name = database.name;
  }

  transaction<T>(work: (tries: number) => Work<T>, within?: number): Promise<T> {
    return explained(this, this.database.transaction(work, within));
  }

  autocommit<T>(work: () => Work<T>, within?: number): Promise<T> {
    return explained(this, this.database.autocommit(work, within));
  }

  read<T>(work: () => Work<T>, within?: number): Promise<T> {
    return explained(this, this.database.read(work, within));
  }

  close(): Promise<void> {
    return this.database.close();
  }
}

/** @throws {MissingTablesError} instead of the driver's word for it */
export async function explained<T>({ dialect, name }: Database, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!dialect.isMissingTable(error)) throw error;
    throw new MissingTablesError(missingTables(name), { cause: error });
  }
}
