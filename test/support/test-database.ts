import { type DataSourceOptions } from 'typeorm';
import { type DatabaseKind } from './test-run.js';

/** A schema of one test's own, or of one test file's. */
export interface TestDatabase {
  readonly kind: DatabaseKind;
  /** As an application would be told: `mysql://…/schema`, `mariadb://…/schema`, `postgres://…/schema` or
   * `sqlite:///absolute/path`. */
  readonly url: string;
  /** What `new DataSource(…)` takes; `extra` is laid over it. */
  options(extra?: ExtraOptions): DataSourceOptions;
  /**
   * Runs one statement on a connection of its own, in autocommit mode, to arrange or to look. Parameters are
   * `?`. Rows are plain objects of numbers (text beyond 2^53), strings, Buffers and null.
   */
  query<Row = Record<string, unknown>>(sql: string, params?: readonly unknown[]): Promise<Row[]>;
  drop(): Promise<void>;
}

/** `host` and `port` lead through a `TcpProxy`; SQLite ignores what only servers have. */
export type ExtraOptions = Partial<
  Pick<
    DataSourceOptions,
    | 'entities'
    | 'subscribers'
    | 'migrations'
    | 'migrationsRun'
    | 'migrationsTableName'
    | 'migrationsTransactionMode'
    | 'synchronize'
    | 'logging'
    | 'logger'
    | 'namingStrategy'
    | 'entityPrefix'
    | 'extra'
  >
> & {
  host?: string;
  port?: number;
  poolSize?: number;
  connectTimeout?: number;
  timezone?: string;
  /** SQLite's busy timeout in ms. */
  timeout?: number;
  enableWAL?: boolean;
};
