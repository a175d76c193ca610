import { InvalidRedoTaskError } from '../redo.errors.js';
import { badId, badValue } from '../redo.messages.js';
import * as rules from '../rules.js';
import { checkOptions, type Rule } from '../rules.js';
import type { Page, TaskFilter } from '../store/task.reader.js';

/** Which tasks of this application; every condition that is given must hold. `{}`: all. */
export type RedoTaskFilter = TaskFilter;

/** One page of {@link RedoManager.list}, newest first. */
export interface RedoPage {
  /** @default 50, at most 1,000 */
  limit?: number;
  /** Only tasks with an id below this one: the last id of the page before. */
  before?: number;
}

const anyOf = (...values: string[]) =>
  rules.either(...values.map((value) => rules.exactly(value, `'${value}'`)));

const id: Rule = rules.integer(1, Number.MAX_SAFE_INTEGER);

const FILTER_RULES: Readonly<Record<keyof RedoTaskFilter, Rule>> = {
  ids: {
    allowed: 'an array of at most 10,000 ids',
    accepts: (value) =>
      Array.isArray(value) && value.length <= 10_000 && value.every((each) => id.accepts(each)),
  },
  redoTaskId: rules.taskTypeId,
  status: anyOf('PENDING', 'PARKED', 'DEAD', 'SUCCEEDED'),
  deadReason: anyOf('EXHAUSTED', 'EXPIRED', 'DISCARDED'),
  dedupeKey: rules.either(rules.exactly('', "''"), {
    allowed: 'a string of at most 255 characters without NUL and lone surrogates',
    accepts: (value) => rules.isStorable(value) && value.length <= 510,
  }),
};

const PAGE_RULES: Readonly<Record<keyof RedoPage, Rule>> = { limit: rules.integer(1, 1_000), before: id };

const fail = (message: string) => new InvalidRedoTaskError(message);

export function checkFilter(filter: RedoTaskFilter): RedoTaskFilter {
  checkOptions('filter', filter, FILTER_RULES, fail);
  // A condition that got lost on the way must not widen the command to every task.
  for (const key of Object.keys(filter) as (keyof RedoTaskFilter)[])
    if (filter[key] === undefined)
      throw fail(badValue(`filter.${key}`, undefined, `${FILTER_RULES[key].allowed}, or no such key`));
  return filter;
}

export function checkPage(page: RedoPage): Page {
  checkOptions('page', page, PAGE_RULES, fail);
  return { limit: page.limit ?? 50, before: page.before };
}

export function checkId(given: unknown): number {
  if (!id.accepts(given)) throw fail(badId(given));
  return given as number;
}

export function checkReason(reason: unknown): string {
  if (!rules.isStorable(reason) || reason.trim() === '' || [...reason].length > 1_000)
    throw fail(
      badValue('reason', reason, 'a string of 1 to 1,000 characters without NUL and lone surrogates'),
    );
  return reason;
}
