import { type Session, taskLock, theLockRow, workerLock } from './session.js';
import type { Entry, LifeId, Memory, Place, Row, Task, TaskId } from './state.js';

/** One statement as it is sent: what it answers, what it locks and writes. */
export interface Statement<A = unknown> {
  readonly name: string;
  /**
   * When nobody can tell it from one done together with the statement before it (`before`: it reads and writes nothing but
   * what its transaction has locked, or its worker's memory), or with the one after it, unless that has to wait (`after`: all
   * it does is to take what others do without when they find it taken).
   */
  readonly with?: 'before' | 'after';
  run(session: Session): A;
}

/** As in lib/store/work.ts: code that yields statements and is given their answers. */
export type Work<T> = Generator<Statement, T, unknown>;

export function* ask<A>(statement: Statement<A>): Work<A> {
  return (yield statement) as A;
}

export interface TaskState extends Pick<Task, 'status' | 'execTimes'> {
  readonly task: TaskId;
}

const stateOf = (session: Session, task: TaskId): TaskState => {
  const { status, execTimes } = session.task(task);
  return { task, status, execTimes };
};

const isThere = (session: Session, task: TaskId) => !['ABSENT', 'GONE'].includes(session.task(task).status);

/** No statement: what its worker has in memory now. */
export const recall = (): Statement<readonly Place[]> => ({
  name: 'recall what it has',
  with: 'before',
  run: (session) => session.memory.places,
});

/** No statement: `yield turn` in lib/store/ledger.ts, and what its worker has in memory then. */
export const turn = (): Statement<Memory> => ({
  name: 'wait for the turn to write its own row',
  with: 'after',
  run: (session) => {
    session.takeTurn();
    return session.memory;
  },
});

/** `SELECT … FROM tbl_pessimistic_lock … FOR UPDATE SKIP LOCKED` (`lockRow` of a dialect). */
export const lockRow = (): Statement<boolean> => ({
  name: 'lock the lock row',
  with: 'after',
  run: (session) => session.lockIfFree(theLockRow),
});

export interface Sight {
  readonly lapsed: readonly LifeId[];
  /** Due, and in the row of no other worker. */
  readonly free: readonly TaskId[];
  readonly expired: readonly TaskId[];
  readonly paused: boolean;
  /** At the worker that looks. */
  readonly knocks: number;
}

const isPaused = (session: Session) => session.state.pause !== 'none';

/** `look` of lib/store/ledger.ts. */
export const look = (self: LifeId): Statement<Sight> => ({
  name: 'look',
  run: (session) => {
    const lapsed: LifeId[] = [];
    const { tasks } = session.state;
    const theirs = tasks.map(() => false);
    for (const life of session.lives) {
      const row = session.row(life);
      if (!row || life === self) continue;
      if (row.lapsed) lapsed.push(life);
      if (row.lapsed && !session.setting.rules.lapsedKeepTheirs) continue;
      row.places.forEach((place, task) => (theirs[task] ||= place !== ''));
    }
    const paused = isPaused(session);
    const due = [...tasks.keys()].filter(
      (id) => session.task(id).status === 'PENDING' && !theirs[id] && !paused,
    );
    return {
      lapsed,
      free: due.filter((id) => !session.task(id).expired),
      expired: due.filter((id) => session.task(id).expired),
      paused,
      knocks: session.row(self)?.knocks ?? 0,
    };
  },
});

/** `SELECT redo_task_id FROM tbl_redo_pause` (`readPaused` of lib/store/task.reader.ts). */
export const readPaused = (): Statement<boolean> => ({
  name: 'read whether the type is paused',
  run: isPaused,
});

/** `INSERT INTO tbl_redo_pause`: it counts once it is committed. */
export const insertPause = (): Statement<void> => ({ name: 'insert the pause', run: () => {} });

/** `lockLapsed` of lib/store/ledger.ts: what a lapsed worker has; null: it lives, is being written, or is gone. */
export const lockLapsed = (life: LifeId): Statement<readonly Place[] | null> => ({
  name: `lock the row of life ${life} if its lease has run out`,
  run: (session) => {
    const row = session.row(life);
    if (!row || (!row.lapsed && session.setting.rules.leaseJudgedUnderLock)) return null;
    return session.lockIfFree(workerLock(life)) ? row.places : null;
  },
});

/** `SELECT … FROM tbl_redotask WHERE id IN (…) AND status = 'PENDING'`: no lock. */
export const readPending = (tasks: readonly TaskId[]): Statement<readonly TaskState[]> => ({
  name: `read ${named(tasks)}`,
  run: (session) => tasks.map((task) => stateOf(session, task)).filter(({ status }) => status === 'PENDING'),
});

export interface Read {
  readonly pending: readonly TaskState[];
  readonly knocks: number;
}

/** The same with the knocks at a worker (`readClaimed` of lib/store/claim.ts). */
export const readWithKnocks = (life: LifeId, tasks: readonly TaskId[]): Statement<Read> => ({
  name: `read ${named(tasks)} and its own knocks`,
  run: (session) => ({
    pending: readPending(tasks).run(session),
    knocks: session.row(life)?.knocks ?? 0,
  }),
});

/** `INSERT INTO tbl_redotask`: nobody sees the task before it is committed. */
export const insertTask = (task: TaskId): Statement<void> => ({
  name: `insert ${named([task])}`,
  run: (session) => session.writeTask(task, { status: 'PENDING' }),
});

/** `lockTasks(…, 'skip')` of a dialect. */
export const lockTasksIfFree = (tasks: readonly TaskId[]): Statement<readonly TaskState[]> => ({
  name: `lock ${named(tasks)} if free`,
  run: (session) =>
    tasks
      .filter((task) => isThere(session, task) && session.lockIfFree(taskLock(task)))
      .map((task) => stateOf(session, task)),
});

/** `lockTasks(…, 'wait')` of a dialect. */
export const lockTask = (task: TaskId): Statement<TaskState> => ({
  name: `lock ${named([task])}`,
  run: (session) => {
    session.lockOrWait(taskLock(task));
    return stateOf(session, task);
  },
});

/** `SELECT id, status, exec_times FROM tbl_redotask WHERE id IN (…)`: which of the tasks that could not be locked are there at all. */
export const readWhichExist = (tasks: readonly TaskId[]): Statement<readonly TaskId[]> => ({
  name: `read which of ${named(tasks)} exist`,
  run: (session) => tasks.filter((task) => isThere(session, task)),
});

/** An UPDATE or DELETE of a task that its transaction has locked. */
export const writeTask = (task: TaskId, change: Partial<Task>, entry?: Entry): Statement<void> => ({
  name: `write ${named([task])}`,
  with: 'before',
  run: (session) => write(session, task, change, entry),
});

/** An UPDATE or DELETE of a task that it has not locked before: it waits for whoever has. */
export const writeTaskUnlocked = (task: TaskId, change: Partial<Task>, entry: Entry): Statement<void> => ({
  name: `write ${named([task])}`,
  run: (session) => {
    session.lockOrWait(taskLock(task));
    if (session.task(task).status !== 'GONE') write(session, task, change, entry);
  },
});

function write(session: Session, task: TaskId, change: Partial<Task>, entry: Entry | undefined): void {
  session.writeTask(task, change);
  if (entry) session.entries.push(entry);
}

/** `INSERT INTO tbl_redo_worker`: nobody else knows the id. */
export const insertRow = (life: LifeId): Statement<void> => ({
  name: 'insert its row',
  run: (session) => {
    const nothing = session.state.tasks.map(() => '' as const);
    session.writeRow(life, { places: nothing, lapsed: false, knocks: 0, writes: 0, runs: nothing });
  },
});

/**
 * `UPDATE tbl_redo_worker … WHERE id = …` (`updateOwnRow` of lib/store/ledger.ts): how many rows it found. It waits for an
 * heir that has the row locked.
 *
 * @param condition on the row, besides its id
 */
export const updateRow = (
  life: LifeId,
  places: readonly Place[],
  writes: number,
  condition: (row: Row) => boolean = () => true,
): Statement<number> => ({
  name: 'write its own row',
  run: (session) => {
    session.lockOrWait(workerLock(life));
    const row = session.row(life);
    const isLate = row && row.writes > writes && session.setting.rules.lateWritesRefused;
    if (row && !isLate && condition(row)) {
      session.writeRow(life, { ...row, places, lapsed: false, writes });
      return 1;
    }
    session.locks.delete(workerLock(life));
    return 0;
  },
});

/** `insertAndMark` of a dialect: both at once. */
export const insertAndMark = (
  task: TaskId,
  life: LifeId,
  places: readonly Place[],
  writes: number,
): Statement<number> => ({
  name: `insert ${named([task])} and write its own row`,
  run: (session) => {
    const found = updateRow(life, places, writes).run(session);
    insertTask(task).run(session);
    return found;
  },
});

/** `SELECT id FROM tbl_redo_worker WHERE id = …` */
export const readRow = (life: LifeId): Statement<boolean> => ({
  name: 'read whether its own row is there',
  run: (session) => session.row(life) !== undefined,
});

/** `DELETE FROM tbl_redo_worker WHERE id = …`, always of a row that its transaction has locked. */
export const deleteRow = (life: LifeId): Statement<void> => ({
  name: `delete the row of life ${life}`,
  with: 'before',
  run: (session) => session.writeRow(life, false),
});

/** `SELECT id FROM tbl_redo_worker WHERE application_name = …` */
export const readLives = (): Statement<readonly LifeId[]> => ({
  name: 'read who lives',
  run: (session) => session.lives.filter((life) => session.row(life)),
});

/** `UPDATE tbl_redo_worker SET knocks = knocks + 1 WHERE id = …` */
export const knockAt = (life: LifeId): Statement<void> => ({
  name: `knock at life ${life}`,
  run: (session) => {
    session.lockOrWait(workerLock(life));
    const row = session.row(life);
    if (row) session.writeRow(life, { ...row, knocks: row.knocks + 1 });
  },
});

export const named = (tasks: readonly TaskId[]) => tasks.map((task) => `t${task}`).join(', ');
