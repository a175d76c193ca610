import type { EntityManager, QueryRunner } from 'typeorm';
import type { RegisteredType } from '../handlers/handler.registry.js';
import { checkLimits, LIMIT_RULES, overLimits, type TaskLimits } from '../handlers/redo-policy.js';
import { InvalidRedoTaskError } from '../redo.errors.js';
import { badValue, contradiction } from '../redo.messages.js';
import * as rules from '../rules.js';
import { checkOptions, type Rule } from '../rules.js';
import type { Instant, NewTask } from '../store/insert.js';

/** How one task is added. Limits that are not given are those of its type. */
export interface AddRedoTaskOptions extends TaskLimits {
  /** The caller's transaction: the task exists exactly if that commits. */
  manager?: EntityManager | QueryRunner;
  /** Not before so many ms from now, up to 10 years. @default 0 */
  delay?: number;
  /** Not before this instant, up to 10 years ahead; one in the past means at once. */
  runAt?: Date;
  /** At most one live task per application, type and key; adding a second returns the first one's id. */
  dedupeKey?: string;
}

/** How many tasks are added; each may have a `dedupeKey` of its own. */
export interface AddRedoTasksOptions<P = unknown> extends Omit<AddRedoTaskOptions, 'dedupeKey'> {
  dedupeKey?: (params: P, index: number) => string | undefined;
}

const dedupeKeyRule: Rule = {
  allowed: 'a string of 1 to 255 characters without NUL and lone surrogates',
  accepts: (value) => rules.isStorable(value) && value !== '' && [...value].length <= 255,
};

const ADD_RULES: Readonly<Record<keyof AddRedoTaskOptions, Rule>> = {
  ...LIMIT_RULES,
  manager: { allowed: 'an EntityManager or QueryRunner', accepts: rules.object.accepts },
  delay: rules.milliseconds(),
  runAt: rules.date,
  dedupeKey: rules.either(dedupeKeyRule, {
    allowed: 'for addRedoTasks a function that returns one',
    accepts: (value) => typeof value === 'function',
  }),
};

const fail = (message: string) => new InvalidRedoTaskError(message);

/** @throws {InvalidRedoTaskError} the first option that is not allowed */
export function checkAddOptions(options: AddRedoTaskOptions | AddRedoTasksOptions<never>): void {
  checkOptions('options', options as AddRedoTaskOptions, ADD_RULES, fail);
  checkLimits('options', options, fail);
  if (options.delay !== undefined && options.runAt !== undefined)
    throw fail(contradiction('options', 'delay', 'runAt'));
}

export function checkDedupeKey(key: unknown): void {
  if (key !== undefined && !dedupeKeyRule.accepts(key))
    throw fail(badValue('options.dedupeKey', key, dedupeKeyRule.allowed));
}

/** All of a task but its parameters, from its type's policy and what the caller said. */
export function planTask(
  applicationName: string,
  type: RegisteredType,
  options: Omit<AddRedoTaskOptions, 'manager' | 'dedupeKey'>,
): Omit<NewTask, 'reqParam' | 'dedupeKey'> {
  const limits = { ...type.policy, ...overLimits(options, type.policy) };
  const expiresIn = options.expiresIn ?? limits.expiresIn;
  const expiredDate = options.expiredDate ?? limits.expiredDate;
  return {
    applicationName,
    redoTaskId: type.redoTaskId,
    maxAttempts: options.maxAttempts ?? limits.maxAttempts,
    tryForever: options.tryForever ?? limits.tryForever ?? false,
    due: options.runAt ? { at: options.runAt.getTime() } : { in: options.delay ?? 0 },
    expiry: expiryOf(expiredDate, expiresIn),
  };
}

function expiryOf(expiredDate: Date | undefined, expiresIn: number | undefined): Instant | null {
  if (expiredDate) return { at: expiredDate.getTime() };
  return expiresIn === undefined ? null : { in: expiresIn };
}
