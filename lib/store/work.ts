import type { Statement } from './sql.js';
import type { Turn } from './turn.js';

/** What a database answers to one statement. */
export interface Answer {
  readonly rows: readonly Row[];
  /** Rows inserted, matched by an update, or deleted. */
  readonly affected: number;
  /** The id a driver reports for an INSERT; which one, the dialect knows. */
  readonly insertId: number;
}

export type Row = Readonly<Record<string, unknown>>;

/**
 * Several statements that belong together, written as a generator: it yields each statement and is given its answer. Where
 * it yields a turn it goes on once that has come.
 * So one piece of code serves drivers that answer later (a server) and a driver that answers at once (SQLite, where a
 * transaction of ours must begin and end in one turn of the event loop), and a test can stop it at any statement.
 */
export type Work<T> = Generator<Statement | Turn, T, Answer>;

/** What is answered to a turn. */
export const NO_ANSWER: Answer = { rows: [], affected: 0, insertId: NaN };

/** What work throws to be rolled back and done once more, in a transaction of its own. */
export class OnceMore extends Error {
  override readonly name = 'OnceMore';
}

/** One statement's rows. */
export function* rows<R>(statement: Statement): Work<readonly R[]> {
  return (yield statement).rows as readonly R[];
}

/** The row of a statement that gives one. */
export function* oneRow<R>(statement: Statement): Work<R> {
  const [row] = yield* rows<R>(statement);
  return row as R;
}

/** How many rows one statement wrote. */
export function* affected(statement: Statement): Work<number> {
  return (yield statement).affected;
}
