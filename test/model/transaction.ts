import { type Call, isAutocommit } from './calls.js';
import { Session, type Setting, Waits } from './session.js';
import type { State, Tx } from './state.js';
import { ask, insertPause, insertRow, readWithKnocks, type Work } from './statements.js';
import { claim } from './transactions/claim.js';
import { addRunning, begin, knock, leaseLost, readAgain, writeOwnRow } from './transactions/ledger.js';
import { handBack, settle } from './transactions/settle.js';
import { deleteOld, discard, retry } from './transactions/steer.js';

/** The code of each transaction: its statements, in order. */
export function program(setting: Setting, call: Call): Work<unknown> {
  switch (call.kind) {
    case 'register':
      return ask(insertRow(call.life));
    case 'renew':
      return writeOwnRow(setting, call.life);
    case 'begin':
      return begin(setting, call);
    case 'add':
      return addRunning(call);
    case 'readAgain':
      return readAgain(setting, call.life, call.held);
    case 'claim':
      return claim(setting, call);
    case 'readClaimed':
      return ask(readWithKnocks(call.life, call.claimed));
    case 'settle':
      return settle(setting, call);
    case 'handBack':
      return handBack(setting, call);
    case 'discard':
      return discard(call.task);
    case 'retry':
      return retry(call.task);
    case 'pause':
      return ask(insertPause());
    case 'deleteOld':
      return deleteOld(call.task);
    case 'knock':
      return knock();
  }
}

export const opened = (call: Call): Tx => ({
  call,
  answers: [],
  stage: 'open',
  result: null,
  lease: 'kept',
  turn: false,
  memory: null,
  locks: [],
  tasks: [],
  rows: [],
  entries: [],
});

/** What becomes of a transaction by its next statement. */
export type Progress =
  | { readonly kind: 'answered'; readonly statement: string; readonly tx: Tx }
  /** Its code gave it up: the database rolls it back. */
  | { readonly kind: 'lease lost'; readonly statement: string }
  | { readonly kind: 'waits'; readonly lock: string };

/**
 * Its code up to where it stands, by what it was answered; then its next statement, with what nobody can tell from it.
 *
 * @param alone without what comes after it
 */
export function proceed(setting: Setting, state: State, tx: Tx, alone = false): Progress {
  const work = program(setting, tx.call);
  let step = work.next();
  for (const answer of tx.answers) step = work.next(answer);
  if (step.done) throw new Error(`${tx.call.kind} has no statement left`);
  const session = new Session(state, tx, setting);
  const answers = [...tx.answers];
  let name = step.value.name;
  try {
    for (let statement = step.value; ; statement = step.value) {
      const answer = statement.run(session) ?? null;
      answers.push(answer);
      if (statement.with === undefined) name = statement.name;
      step = work.next(answer);
      if (step.done) break;
      const isNoticed = step.value.with !== 'before' && (statement.with !== 'after' || alone);
      if (isNoticed) break;
    }
  } catch (thrown) {
    if (thrown === leaseLost) return { kind: 'lease lost', statement: name };
    if (!(thrown instanceof Waits)) throw thrown;
    // What it did before it had to wait is done.
    if (answers.length === tx.answers.length) return { kind: 'waits', lock: thrown.lock };
  }
  const { tasks, rows, entries, turn } = session;
  const written = { turn, locks: [...session.locks].sort(), tasks, rows, entries };
  const next: Tx = step.done
    ? { ...tx, ...written, answers: [], stage: 'done', result: step.value ?? null }
    : { ...tx, ...written, answers };
  return { kind: 'answered', statement: name, tx: next };
}

/** A statement without a transaction has written something: it is committed. */
export const isWritten = ({ call, rows, tasks }: Tx): boolean =>
  isAutocommit(call) && rows.length + tasks.length > 0;

/** What is left of it for the client once it is committed. */
export const afterCommit = (tx: Tx): Tx => ({ ...tx, locks: [], tasks: [], rows: [], entries: [] });
