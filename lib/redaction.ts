import { withheld } from './redo.messages.js';

/** The task whose error is put into words. */
export interface RedactedTask {
  readonly id: number;
  readonly redoTaskId: string;
  /** As they stand in the row, whatever the handler did to its own. */
  readonly params: unknown;
}

/** Cleans a text of an error: a message, a stack, the reason of a discard. */
export type Redact = (text: string, task: RedactedTask) => string;

/** How the texts of tasks are cleaned. `false`: not at all; `undefined`: by {@link maskParams}. */
export type Redaction = Redact | false | undefined;

export type Clean = (text: string) => string;

/**
 * The default of the option `redact`: what a text repeats of the task's parameters becomes its path, so that
 * `card 4111111111111111 was refused` reads `card [params.card] was refused`.
 *
 * It finds whole strings and numbers of four characters or more, as they are, in JSON or in a URL. It does not find parts of
 * them, nor what was made of them.
 *
 * @example
 * redact: (text, { params }) => maskParams(text, params).replace(/Bearer \S+/g, 'Bearer […]')
 */
export function maskParams(text: string, params: unknown): string {
  return maskerOf(params)(text);
}

/** For more texts than one: the parameters are looked through once. */
function maskerOf(params: unknown): Clean {
  const places = placesOf(params);
  return (text) => {
    const found = places.filter(([form]) => text.includes(form));
    return found.length === 0 ? text : masked(text, new Map(found));
  };
}

/** @param paths what is somewhere in the text → where it stands in the parameters */
function masked(text: string, paths: ReadonlyMap<string, string>): string {
  const lengths = [...new Set([...paths.keys()].map(({ length }) => length))].sort(
    (one, other) => other - one,
  );
  const firsts = new Set([...paths.keys()].map((form) => form[0]));
  let cleaned = '';
  let at = 0;
  for (let index = 0; index < text.length;) {
    const length =
      firsts.has(text[index]) && isBoundary(text, index)
        ? lengths.find((each) => paths.has(text.slice(index, index + each)) && isBoundary(text, index + each))
        : undefined;
    if (length === undefined) index += 1;
    else {
      cleaned += `${text.slice(at, index)}[${paths.get(text.slice(index, index + length))}]`;
      at = index += length;
    }
  }
  return cleaned + text.slice(at);
}

/** Shorter values are too common to tell anything, and to be told from other words. */
const SHORTEST = 4;

/** What is looked for, and where it stands in the parameters. */
type Place = readonly [form: string, path: string];

function placesOf(params: unknown): Place[] {
  const places: Place[] = [];
  const note = (value: string, path: string) => {
    for (const form of formsOf(value)) if (form.length >= SHORTEST) places.push([form, path]);
  };
  const open: { value: unknown; path: string }[] = [{ value: params, path: 'params' }];
  for (let each = open.pop(); each; each = open.pop()) {
    const { value, path } = each;
    if (typeof value === 'string') note(value, path);
    else if (typeof value === 'number') note(String(value), path);
    else if (Array.isArray(value))
      for (const item of value as unknown[]) open.push({ value: item, path: below(path, '[]') });
    else if (typeof value === 'object' && value !== null)
      for (const [key, field] of Object.entries(value)) {
        // What is no name of a field may be data itself.
        const isName = /^[A-Za-z_$][\w$]{0,39}$/.test(key);
        if (!isName) note(key, `a key of ${path}`);
        open.push({ value: field, path: below(path, isName ? `.${key}` : '.*') });
      }
  }
  return places;
}

/** As it is, in JSON and in a URL. */
const formsOf = (value: string): string[] =>
  /^[\w.-]*$/.test(value)
    ? [value]
    : [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value.toWellFormed())];

const LONGEST_PATH = 100;
const below = (path: string, step: string) => (path.length < LONGEST_PATH ? path + step : path);

/** Not within a word or a number. */
function isBoundary(text: string, index: number): boolean {
  return index === 0 || index === text.length || !isWord(text[index - 1]) || !isWord(text[index]);
}

const isWord = (character = '') => /[\p{L}\p{N}]/u.test(character);

/**
 * The option applied to one task's texts; without it what they repeat of the parameters is masked. What it fails on is withheld.
 *
 * @param read the task, asked for once
 */
export function cleanerOf(redact: Redaction, read: () => RedactedTask): Clean {
  if (redact === false) return (text) => text;
  let clean: Clean | undefined;
  return (text) => {
    try {
      const cleaned: unknown = (clean ??= cleaningOf(redact, read()))(text);
      return typeof cleaned === 'string'
        ? cleaned
        : withheld(`it returned a value of type ${typeof cleaned}`);
    } catch {
      return withheld('it threw');
    }
  };
}

const cleaningOf = (redact: Redact | undefined, task: RedactedTask): Clean =>
  redact ? (text) => redact(text, task) : maskerOf(task.params);
