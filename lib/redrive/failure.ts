import { parse } from 'node:path';
import { inspect, types } from 'node:util';
import type { Clean } from '../redaction.js';
import { unspeakable } from '../redo.messages.js';
import type { Failure } from './outcome.js';

const STACK_LINES = 6;
/** How a line of V8's stacks begins that is no part of the message. */
const CALL = '\n    at ';
const MOST_CHARACTERS = 2_000;
const LONGEST_CLEANED = 5 * MOST_CHARACTERS;

/**
 * Puts what a handler threw into words. Anything can be thrown, and looking at it may throw again.
 *
 * @param caller the file that called the handler, as {@link fileOf} tells it: from there on a stack tells nothing of it
 */
export function failureOf(thrown: unknown, clean: Clean = (text) => text, caller?: string): Failure {
  const error = readable(() => asError(thrown)) ?? new Error(unspeakable);
  const message = readable(() => wordsOf(error)) ?? unspeakable;
  const stack = readable(() => stackOf(error, caller)) ?? null;
  return { error, message: cut(clean(headOf(message))), stack: stack && cut(clean(headOf(stack))) };
}

function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function stackOf(error: Error, caller: string | undefined): string | null {
  const { stack } = error as { stack?: unknown };
  if (typeof stack !== 'string') return null;
  return firstLines(caller === undefined ? stack : above(caller, stack), STACK_LINES);
}

/**
 * The file in which an error was made, as stacks name it: source maps and test runners have their say in that.
 *
 * @param name without its folder and its ending; undefined: it is another
 */
export function fileOf({ stack }: Error, name: string): string | undefined {
  const file = stack?.match(/^ {4}at (?:[^(\n]* \()?(.+):\d+:\d+\)?$/m)?.[1];
  return file && parse(file).name === name ? file : undefined;
}

function above(file: string, stack: string): string {
  const firstCall = stack.indexOf(CALL);
  const at = firstCall === -1 ? -1 : stack.indexOf(file, firstCall);
  return at === -1 ? stack : stack.slice(0, stack.lastIndexOf(CALL, at));
}

function firstLines(text: string, most: number): string {
  let end = -1;
  for (let lines = 0; lines < most; lines += 1) {
    end = text.indexOf('\n', end + 1);
    if (end === -1) return text;
  }
  return text.slice(0, end);
}

/** Cleaned before it is cut: half of a value is not found. */
export const headOf = (text: string): string => text.slice(0, LONGEST_CLEANED);

/** A failure that was returned: its stack would show this library. */
export const withoutStack = (message: string): Failure => ({
  error: new Error(message),
  message: cut(message),
  stack: null,
});

/** By characters, not by halves of them; and only what every database can hold. */
export const cut = (text: string, most = MOST_CHARACTERS): string => {
  const head = text.length <= most ? text : [...text.slice(0, 2 * most)].slice(0, most).join('');
  return head.toWellFormed().replaceAll('\0', '\uFFFD');
};

const asError = (thrown: unknown): Error => {
  if (types.isNativeError(thrown) || thrown instanceof Error) return thrown;
  return new Error(typeof thrown === 'string' ? thrown : inspect(thrown, { depth: 1 }));
};

/** With its cause, without which `fetch failed` says nothing. */
function wordsOf(error: Error): string {
  const message = textOf(error.message);
  const { code, message: why } = (error.cause ?? {}) as { code?: unknown; message?: unknown };
  const reason = (why === undefined ? '' : textOf(why)) || (typeof code === 'string' ? code : '');
  return reason && !message.includes(reason) ? `${message}: ${reason}` : message;
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : inspect(value, { depth: 1 }));
