import { CronTime } from 'cron';
import {
  checkPolicy,
  DEFAULT_POLICY,
  type RedoPolicy,
  type ResolvedPolicy,
  resolvePolicy,
} from './handlers/redo-policy.js';
import type { Redact, Redaction } from './redaction.js';
import { RedoConfigurationError } from './redo.errors.js';
import * as messages from './redo.messages.js';
import * as rules from './rules.js';
import { checkOptions, type Rule } from './rules.js';

/** When the redrive job ticks: every so many ms, or by a cron expression of five or six fields. */
export type RedoSchedule = { interval: number } | { cron: string };

/** How long finished tasks are kept, ms. `Infinity`: for ever. */
export interface RedoRetention {
  /** @default 2_592_000_000 (30 days) */
  dead?: number;
  /** 0: deleted at once. @default 0 */
  succeeded?: number;
}

/** The options of `RedoModule.forRoot(applicationName, options)`. All have defaults. */
export interface RedoOptions {
  /** `false`: this instance adds tasks but does not redrive. @default true */
  worker?: boolean;
  /** The redrive job, named `redo.redrive` in the `SchedulerRegistry`. @default { interval: 1000 } */
  schedule?: RedoSchedule;
  /** Handlers running at once on this instance. @default 10 */
  concurrency?: number;
  /** Most tasks claimed under one lock. @default 100, or `concurrency` where that is more */
  batchSize?: number;
  /** A dead instance's tasks become due again this long after its last sign of life, ms. @default 30_000 */
  lease?: number;
  /** How long a stopping instance waits for running handlers, ms. @default 10_000 */
  shutdownTimeout?: number;
  /** Policy of task types that don't set their own. */
  defaults?: RedoPolicy;
  retention?: RedoRetention;
  /** Larger parameters are refused when adding, bytes of JSON in UTF-8. @default 262_144 */
  maxPayloadBytes?: number;
  /**
   * Cleans the text of a handler's error (message, stack, reason) before it is logged, told to listeners and stored with the
   * task. A function takes the default's place; what it throws on is withheld. `false`: texts stay as they are.
   *
   * @default maskParams: what the text repeats of the task's parameters becomes its path, `[params.card]`
   */
  redact?: Redact | false;
  /** Name of the TypeORM data source. @default the default one */
  dataSource?: string;
}

/** The options with nothing left open, but what takes the place of the default `redact`. */
export interface ResolvedRedoOptions extends Required<
  Omit<RedoOptions, 'defaults' | 'dataSource' | 'retention' | 'redact'>
> {
  readonly applicationName: string;
  readonly defaults: ResolvedPolicy;
  readonly retention: Required<RedoRetention>;
  readonly redact: Redaction;
}

/** Injection token of {@link ResolvedRedoOptions}. */
export const REDO_OPTIONS = Symbol.for('nestjs-redo:options');

const DEFAULTS = {
  worker: true,
  schedule: { interval: 1_000 },
  concurrency: 10,
  batchSize: 100,
  lease: 30_000,
  shutdownTimeout: 10_000,
  retention: { dead: 30 * 24 * 3_600_000, succeeded: 0 },
  maxPayloadBytes: 262_144,
} satisfies RedoOptions;

const keptFor = rules.either(rules.milliseconds(), rules.exactly(Infinity, 'Infinity'));

const RETENTION_RULES: Readonly<Record<keyof RedoRetention, Rule>> = { dead: keptFor, succeeded: keptFor };

const SCHEDULE_RULES: Readonly<Record<'interval' | 'cron', Rule>> = {
  interval: rules.timerMilliseconds(10),
  cron: rules.text(200),
};

const OPTION_RULES: Readonly<Record<keyof RedoOptions, Rule>> = {
  worker: rules.flag,
  schedule: rules.object,
  concurrency: rules.integer(1, 10_000),
  batchSize: rules.integer(1, 10_000),
  lease: rules.timerMilliseconds(1_000),
  shutdownTimeout: rules.timerMilliseconds(0),
  defaults: rules.object,
  retention: rules.object,
  // Escaped in a statement's text they may double, and MariaDB takes 16 MiB in a statement unless told otherwise.
  maxPayloadBytes: rules.integer(1, 8_000_000, 'bytes'),
  redact: rules.either(rules.exactly(false, 'false'), rules.func('(text, task) => string')),
  dataSource: rules.text(255),
};

const fail = (message: string) => new RedoConfigurationError(message);

/** @throws {RedoConfigurationError} naming the option, what was given and what is allowed */
export function resolveOptions(applicationName: string, options: RedoOptions = {}): ResolvedRedoOptions {
  const name = rules.text(255);
  if (!name.accepts(applicationName))
    throw fail(messages.badValue('applicationName', applicationName, name.allowed));
  checkOptions('options', options, OPTION_RULES, fail);
  checkOptions('options.retention', options.retention ?? {}, RETENTION_RULES, fail);
  checkPolicy('options.defaults', options.defaults ?? {}, fail);
  checkSchedule(options.schedule ?? DEFAULTS.schedule);

  const concurrency = options.concurrency ?? DEFAULTS.concurrency;
  const batchSize = options.batchSize ?? Math.max(DEFAULTS.batchSize, concurrency);
  if (batchSize < concurrency) throw fail(messages.batchBelowConcurrency(batchSize, concurrency));
  return {
    applicationName,
    worker: options.worker ?? DEFAULTS.worker,
    schedule: options.schedule ?? DEFAULTS.schedule,
    concurrency,
    batchSize,
    lease: options.lease ?? DEFAULTS.lease,
    shutdownTimeout: options.shutdownTimeout ?? DEFAULTS.shutdownTimeout,
    defaults: resolvePolicy(options.defaults ?? {}, DEFAULT_POLICY),
    retention: {
      dead: options.retention?.dead ?? DEFAULTS.retention.dead,
      succeeded: options.retention?.succeeded ?? DEFAULTS.retention.succeeded,
    },
    maxPayloadBytes: options.maxPayloadBytes ?? DEFAULTS.maxPayloadBytes,
    redact: options.redact,
  };
}

function checkSchedule(schedule: RedoSchedule): void {
  checkOptions('options.schedule', schedule, SCHEDULE_RULES, fail);
  const given = schedule as { interval?: number; cron?: string };
  if ((given.interval === undefined) === (given.cron === undefined))
    throw fail(messages.badValue('options.schedule', schedule, "{ interval: ms } or { cron: 'expression' }"));
  if (given.cron === undefined) return;
  try {
    // A day that never comes parses, and is found out only by looking for it.
    new CronTime(given.cron).sendAt();
  } catch (error) {
    throw fail(messages.badCron(given.cron, (error as Error).message));
  }
}
