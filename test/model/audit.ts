import type { BeginCall, Call, Command, Settlement } from './calls.js';
import {
  type Held,
  type Run,
  type State,
  type Task,
  type TaskId,
  type Tx,
  withItem,
  type Worker,
} from './state.js';
import { named } from './statements.js';
import type { Settled } from './transactions/settle.js';

/** A promise is broken. */
export class Violation extends Error {}

/** Commits what a transaction wrote, and keeps the books on runs: no attempt is counted twice or never, nobody settles for the dead. */
export function commit(state: State, tx: Tx): State {
  const { call } = tx;
  const tasks = state.tasks.map((before, id) => tx.tasks[id] ?? before);
  const runs = state.rows.map((row) => [...(row?.runs ?? [])]);
  const counted = tasks.map(() => 0);
  for (const entry of tx.entries) {
    const { task, life, by, costs } = entry;
    if (by === 'itself' && !state.rows[life])
      throw new Violation(`life ${life} settles ${named([task])} though it has lost its lease`);
    const run = runs[life]?.[task] ?? '';
    if (costs === 'an attempt' && run !== 'counted') counted[task]! += 1;
    const next = settled(run, entry, tasks[task]!);
    tasks[task] = next.task;
    if (runs[life]) runs[life][task] = next.run;
  }
  for (const [id, before] of state.tasks.entries()) countedRight(before, tasks[id]!, id, counted[id]!, call);
  if (call.kind === 'settle') for (const settlement of call.settlements) costsRight(settlement, runs);
  if ((call.kind === 'begin' || call.kind === 'add') && tx.rows[call.life])
    for (const { task } of call.starts)
      if (runs[call.life]![task] !== 'begun') runs[call.life]![task] = 'marked';
  for (const [life, row] of tx.rows.entries()) {
    if (row === null || !state.rows[life]) continue;
    for (const [task, run] of runs[life]!.entries())
      if (run === 'begun' && typeof (row || undefined)?.places[task] !== 'number') {
        tasks[task] = leftUncounted(tasks[task]!, task, life, tx);
        runs[life]![task] = 'free';
      }
  }
  const rows = Array.from({ length: Math.max(state.rows.length, tx.rows.length) }, (_, life) => {
    const written = tx.rows[life] ?? null;
    const row = written === null ? (state.rows[life] ?? null) : written || null;
    return row && runs[life]?.length ? { ...row, runs: runs[life] } : row;
  });
  while (rows.at(-1) === null) rows.pop();
  const pause = call.kind === 'pause' ? 'committed' : state.pause;
  const next = readOnceMore({ ...state, tasks, rows, pause }, tx);
  if ((call.kind !== 'retry' && call.kind !== 'discard') || tx.result !== true) return next;
  return unknownToHolders(call.kind === 'retry' ? revived(next, call.task) : next, call.task, call.kind);
}

/** `exec_times` grows by one with each attempt that is counted, and goes back to 0 when a person asks for it. */
function countedRight(before: Task, after: Task, id: TaskId, counted: number, { kind }: Call): void {
  if (after.status === 'GONE' || kind === 'retry' || after.execTimes === before.execTimes + counted) return;
  throw new Violation(
    `exec_times of ${named([id])} goes from ${before.execTimes} to ${after.execTimes}, though ${counted} attempts are counted`,
  );
}

/** What is postponed costs nothing. */
function costsRight({ task, life, outcome }: Settlement, runs: readonly (readonly Run[])[]): void {
  if (outcome === 'postponed' && runs[life]?.[task] === 'counted')
    throw new Violation(`the attempt of ${named([task])} on life ${life} was postponed, and cost one`);
}

/** What a settlement makes of a run, and of the task's blanks. */
function settled(
  run: Run,
  { task: id, life, costs, by }: Tx['entries'][number],
  task: Task,
): { run: Run; task: Task } {
  if (costs !== 'an attempt') return { run: 'free', task };
  if (run === 'begun' || run === 'counted') return { run: 'counted', task };
  // Its worker never heard that it was marked or had been settled, or a person revived the task: counted, to be on the safe side.
  if (run === 'revived' || (by === 'its heir' && run !== ''))
    return { run: 'counted', task: { ...task, blanks: task.blanks + 1 } };
  throw new Violation(`${named([id])} is charged for life ${life}, which has not begun it`);
}

/** A run that leaves the ledger and was not counted must have a reason. */
function leftUncounted(task: Task, id: TaskId, life: number, { call }: Tx): Task {
  if (task.status !== 'PENDING') return task;
  if (call.kind === 'handBack' && call.aborted.includes(id)) return task;
  if (task.blanks > 0) return { ...task, blanks: task.blanks - 1 };
  throw new Violation(`the attempt of ${named([id])} on life ${life} is never counted`);
}

/** A person gave a task all its attempts anew: those under way may count or not. */
function revived(state: State, id: TaskId): State {
  const rows = state.rows.map((row) =>
    row?.runs[id] ? { ...row, runs: withItem<Run>(row.runs, id, 'revived') } : row,
  );
  return { ...state, rows, tasks: withItem(state.tasks, id, { ...state.tasks[id]!, blanks: 0 }) };
}

/** Of those who have read the task: it is held, or may be once more. */
const holders = (state: State, id: TaskId, change: (held: Held) => Held): State => ({
  ...state,
  workers: state.workers.map((worker): Worker => {
    const own = worker.has[id];
    if (own?.as === 'held') return { ...worker, has: withItem(worker.has, id, change(own)) };
    if (own?.as !== 'running' || !own.was) return worker;
    return { ...worker, has: withItem(worker.has, id, { ...own, was: change(own.was) }) };
  }),
});

/** What is kept was read once more, under its lock. */
function readOnceMore(state: State, { call, result }: Tx): State {
  if (call.kind !== 'settle') return state;
  const { kept } = result as Settled;
  const isKept = (worker: Worker, task: TaskId) => worker.life === call.life && kept.includes(task);
  const workers = state.workers.map((worker): Worker => {
    const has = worker.has.map((own, task) =>
      own?.as === 'running' && own.was && isKept(worker, task)
        ? { ...own, was: { ...own.was, unknown: [], forbidden: false } }
        : own,
    );
    return { ...worker, has };
  });
  return kept.length > 0 ? { ...state, workers } : state;
}

/** A person's command is committed: who has read the task before does not know of it. */
const unknownToHolders = (state: State, id: TaskId, command: Held['unknown'][number]): State =>
  holders(state, id, (held) => ({ ...held, unknown: [...new Set([...held.unknown, command])].sort() }));

/** It has resolved: from now on nobody begins the task without knowing of it. */
export function resolved(state: State, command: Command): State {
  if (command.kind === 'pause') return { ...state, pause: 'resolved' };
  const { kind, task } = command;
  return holders(state, task, (held) => (held.unknown.includes(kind) ? { ...held, forbidden: true } : held));
}

/** @throws {Violation} one of these tasks must not begin, or not as it was read */
export function mayBegin({ tasks, workers, pause }: State, index: number, { life, starts }: BeginCall): void {
  const worker = workers[index]!;
  if (worker.life !== life) return;
  for (const { task, execTimes } of starts) {
    const own = worker.has[task];
    if (pause === 'resolved')
      throw new Violation(`${named([task])} begins after the command that paused it has resolved`);
    const isChanged = tasks[task]!.status !== 'PENDING' || tasks[task]!.execTimes !== execTimes;
    if (own?.as === 'held' && own.forbidden && isChanged)
      throw new Violation(`${named([task])} begins as it was before a person's command that has resolved`);
  }
}
