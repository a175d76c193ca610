import * as messages from './redo.messages.js';

/** What one option accepts, in words and as a check. */
export interface Rule {
  readonly allowed: string;
  readonly accepts: (value: unknown) => boolean;
}

/** Ten years, the furthest this library plans ahead. */
export const TEN_YEARS = 315_576_000_000;
/** What a column of attempts holds: INT. */
export const MOST_ATTEMPTS = 2_147_483_647;
/** The longest delay of Node's `setTimeout`, ms (about 24.8 days). */
const LONGEST_TIMER = 2_147_483_647;

const rule = (allowed: string, accepts: (value: unknown) => boolean): Rule => ({ allowed, accepts });

export const integer = (min: number, max: number, unit = ''): Rule =>
  rule(
    `an integer from ${min} to ${max}${unit && ` ${unit}`}`,
    (value) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max,
  );
export const milliseconds = (min = 0, max = TEN_YEARS): Rule => integer(min, max, 'ms');
export const timerMilliseconds = (min: number): Rule => milliseconds(min, LONGEST_TIMER);
export const fraction = rule(
  'a number from 0 to 1',
  (value) => typeof value === 'number' && value >= 0 && value <= 1,
);
export const flag = rule('true or false', (value) => typeof value === 'boolean');
export const date = rule('a valid Date', (value) => value instanceof Date && !Number.isNaN(value.getTime()));
/** What every database holds as it is: no NUL, no half of a character. */
export const isStorable = (value: unknown): value is string =>
  typeof value === 'string' && !/[\0\p{Cs}]/u.test(value);
/** A name: what people type, compare and read in logs. */
export const text = (maxLength: number): Rule =>
  rule(
    `a string of 1 to ${maxLength} characters without white space at its ends or control characters`,
    (value) =>
      isStorable(value) &&
      value.trim() === value &&
      value !== '' &&
      !/\p{Cc}/u.test(value) &&
      [...value].length <= maxLength,
  );
/** Not a Map or a promise: without keys of their own they would count as an empty object, which as a filter means all. */
export const object = rule(
  'an object',
  (value) => typeof value === 'object' && Object.prototype.toString.call(value) === '[object Object]',
);
export const func = (signature: string): Rule =>
  rule(`a function ${signature}`, (value) => typeof value === 'function');
export const either = (...rules: Rule[]): Rule =>
  rule(rules.map((each) => each.allowed).join(', or '), (value) => rules.some((each) => each.accepts(value)));
export const exactly = (expected: unknown, allowed: string): Rule =>
  rule(allowed, (value) => value === expected);

/** The rule of task type ids: `redo_task_id` holds 64 characters. */
export const taskTypeId = text(64);

/**
 * Checks an options object against its rules. A key that is absent or `undefined` is left to its default.
 *
 * @param fail makes the error that is thrown, from a sentence
 */
export function checkOptions<T extends object>(
  where: string,
  given: T,
  rules: Readonly<Record<keyof T & string, Rule>>,
  fail: (message: string) => Error,
): void {
  if (!object.accepts(given)) throw fail(messages.badValue(where, given, object.allowed));
  for (const [key, value] of Object.entries(given)) {
    const known = Object.hasOwn(rules, key) ? rules[key as keyof T & string] : undefined;
    if (!known) throw fail(messages.unknownOption(where, key, Object.keys(rules)));
    if (value !== undefined && !known.accepts(value))
      throw fail(messages.badValue(`${where}.${key}`, value, known.allowed));
  }
}
