import { inspect } from 'node:util';

/** Every sentence a user can read. Each says what was given, what is allowed, or who must do what. */

const shown = (value: unknown) =>
  inspect(value, {
    depth: 1,
    breakLength: Infinity,
    maxStringLength: 80,
    maxArrayLength: 5,
    // What the caller's object says of itself may throw.
    customInspect: false,
  });
/** What is no text may be parameters in the wrong place, which no message shows. */
const shownIfText = (value: unknown) =>
  typeof value === 'string' ? shown(value) : `a value of type ${typeof value}`;
const listed = (names: readonly string[]) => (names.length > 0 ? names.join(', ') : 'nothing');

// Set-up

export const badValue = (what: string, given: unknown, allowed: string) =>
  `redo: ${what} is ${shown(given)}; allowed: ${allowed}`;
export const unknownOption = (where: string, key: string, known: readonly string[]) =>
  `redo: ${where} has no option '${key}'; allowed: ${known.join(', ')}`;
export const contradiction = (where: string, one: string, other: string) =>
  `redo: ${where} sets both ${one} and ${other}; allowed: one of them`;
export const batchBelowConcurrency = (batchSize: number, concurrency: number) =>
  `redo: options.batchSize is ${batchSize}, below options.concurrency ${concurrency}; allowed: at least the concurrency, or slots stay empty`;
export const badCron = (expression: string, reason: string) =>
  `redo: options.schedule.cron is '${expression}', which does not parse (${reason}); allowed: five or six cron fields, e.g. '*/15 * * * * *'`;
export const duplicateHandler = (redoTaskId: string, first: string, second: string) =>
  `redo: two handlers for task type '${redoTaskId}': ${first} and ${second}; allowed: one`;
export const handlerOfManyInstances = (redoTaskId: string, place: string) =>
  `redo: handler ${place} of task type '${redoTaskId}' is in a request- or transient-scoped provider, of which there is no one instance to call; move it to a provider of default scope`;
export const dataSourceTooLate = (given: unknown) =>
  `redo: options.dataSource is ${shown(given)} in what a factory returned, which is too late; allowed: beside it, forRootAsync({ dataSource, useFactory })`;
export const noScheduleModule = () =>
  'redo: @nestjs/schedule is not set up; add ScheduleModule.forRoot() to the imports of your root module (once)';
export const moduleImportedTwice = () =>
  'redo: RedoModule is imported more than once; call RedoModule.forRoot() or forRootAsync() once, in the root module (it is global)';
export const unsupportedDatabase = (type: string, supported: readonly string[]) =>
  `redo: the TypeORM data source is of type '${type}'; supported: ${supported.join(', ')}`;
export const missingTables = (database: string) =>
  `redo: the tables are missing in ${database}; run the migrations: add redoMigrations of 'nestjs-redo/migrations' to your data source and run \`typeorm migration:run\`, or set migrationsRun`;

export const autocommitOff = (database: string) =>
  `redo: connections to the ${database} come with autocommit off, so what is written outside of a transaction is not kept; set autocommit = 1 for them`;

export const notReachedYet = (database: string, error: string) =>
  `the ${database} can't be reached yet, waiting for it: ${error}`;

// Adding

export const definitionOf = (redoTaskId: unknown) => `RedoTask ${shown(redoTaskId)}`;
export const noList = (given: unknown) => `redo: paramsList is ${shownIfText(given)}; allowed: an array`;
export const unknownTaskType = (redoTaskId: unknown, known: readonly string[]) =>
  `redo: no handler for task type ${shownIfText(redoTaskId)}; registered: ${listed(known)}`;
export const notJsonSafe = (path: string, reason: string) => `redo: ${path} ${reason}`;
export const tooLarge = (bytes: number, limit: number) =>
  `redo: the parameters are ${bytes} bytes of JSON; allowed: at most ${limit} (option maxPayloadBytes). Store the data in a table of yours and pass its id`;
export const atIndex = (index: number, message: string) =>
  `redo: nothing was added, paramsList[${index}] is refused: ${message.replace(/^redo: /, '')}`;
export const alreadyExpired = (expiredDate: Date, now: Date) =>
  `redo: expiredDate ${expiredDate.toISOString()} is in the past (the database's clock says ${now.toISOString()}); allowed: a later instant`;
export const tooFarAhead = (runAt: Date) =>
  `redo: runAt ${runAt.toISOString()} is more than 10 years ahead; allowed: up to 10 years`;
export const noTransaction = (what: string) =>
  `redo: options.manager ${what}; allowed: the EntityManager or QueryRunner of a transaction that is still open, or no manager at all`;
export const noConnectionFree = (ms: number) =>
  `redo: no database connection became free in ${ms} ms; inside a transaction pass it on, addRedoTask(id, params, { manager }), or enlarge the pool`;
export const noAnswer = (ms: number) =>
  `redo: the database did not answer in ${ms} ms; the connection was given up`;
export const stillLocked = (ms: number) =>
  `redo: the SQLite database stayed locked by another transaction for ${ms} ms; inside a transaction pass it on, addRedoTask(id, params, { manager }), and keep transactions short`;

// Looking and steering

export const badId = (id: unknown) =>
  badValue('the task id', id, 'an integer of 1 or more, as addRedoTask returned it');
export const keyTaken = (id: number, dedupeKey: string) =>
  `redo: task ${id} can't be retried: another live task has its dedupeKey ${shown(dedupeKey)}`;
export const notRedriving = () =>
  'redo: this instance does not redrive (option worker: false); call redrive() on one that does';
export const notRunning = () =>
  'redo: this instance does not redrive: it has not started yet or is shutting down';

// What the engine says in the log

export const started = (application: string, worker: string, types: readonly string[]) =>
  `redriving for '${application}' as worker ${worker}; task types: ${listed(types)}`;
export const addOnly = (application: string) =>
  `adds tasks for '${application}' and does not redrive (worker: false)`;
export const attemptFailed = (
  task: TaskName,
  attempt: number,
  maxAttempts: number | null,
  error: string,
  delay: number,
) =>
  `${named(task)} failed, attempt ${attempt}${ofAttempts(maxAttempts)}, next in ${duration(delay)}: ${error}`;
export const taskDead = (task: TaskName, reason: string, detail: string | null) =>
  `${named(task)} is dead, ${reason}${detail ? `: ${detail}` : ''}`;
export const taskParked = (task: TaskName, error: string) =>
  `${named(task)} is parked until a person mends or retries it: ${error}`;
export const workerLapsed = (worker: string, host: string, pid: number, charged: number) =>
  `worker ${worker} (${host}, pid ${pid}) is gone, its lease has run out; ${charged} of its tasks were running and are charged the attempt`;
export const leaseLost = (worker: string, running: number, why: string) =>
  `worker ${worker} lost its lease (${why}); its ${running} running handlers are aborted and can settle nothing`;
export const leaseTaken = 'another instance took it for dead';
export const leaseNotRenewed = (lease: number) => `it could not be renewed for ${lease} ms`;
export const engineTrouble = (doing: string, retryIn: number, error: string) =>
  `can't ${doing} now, trying again in ${duration(retryIn)}: ${error}`;
export const engineRecovered = (doing: string, failures: number) =>
  `can ${doing} again, after ${failures} failed ${failures === 1 ? 'try' : 'tries'}`;
export const tasksLocked = (ids: readonly number[]) =>
  `${ids.length === 1 ? 'task' : 'tasks'} ${ids.join(', ')}: somebody else has the row locked`;
export const stopped = (handedBack: number) => `stopped; ${handedBack} tasks were handed back`;
export const listenerFailed = (event: string) => `a listener of the event '${event}' threw`;

// Errors that a task's row keeps

export const withheld = (why: string) => `the text is withheld: redact could not clean it, ${why}`;
export const unspeakable = 'the handler threw something that cannot be shown';
export const unstorable = (reason: string) => `the error could not be stored: ${reason}`;
export const timedOut = (ms: number) => `timed out after ${ms} ms`;
export const workerDied = (host: string, pid: number) =>
  `the process ended or lost its lease during this attempt (${host}, pid ${pid})`;
export const shuttingDown = 'the instance is shutting down';
export const undecodable = (reason: string) => `req_param can't be decoded: ${reason}`;
export const noTaskForm = 'it is not of the form {"params": …}';
/** Not the parser's own words, which quote the text. */
export const noJson = (parserSays: string, length: number) => {
  if (/end of JSON/.test(parserSays)) return `it is JSON that ends too early, after ${length} characters`;
  const [, position] = parserSays.match(/at position (\d+)/) ?? [];
  return `it is no JSON${position === undefined ? '' : `, at position ${position} of ${length}`}`;
};
export const noNumber = (column: string) => `the row can't be decoded: ${column} is not an integer`;

export interface TaskName {
  readonly id: number;
  readonly redoTaskId: string;
}

const named = ({ redoTaskId, id }: TaskName) => `${redoTaskId} #${id}`;
const ofAttempts = (maxAttempts: number | null) => (maxAttempts === null ? '' : ` of ${maxAttempts}`);

/** `850 ms`, `2.5 s`, `3 min`, `1.5 h`. */
export function duration(ms: number): string {
  const steps = [
    [3_600_000, 'h'],
    [60_000, 'min'],
    [1_000, 's'],
  ] as const;
  for (const [unit, name] of steps) if (ms >= unit) return `${Math.round((ms / unit) * 10) / 10} ${name}`;
  return `${Math.round(ms)} ms`;
}
