import { InvalidRedoTaskError } from '../redo.errors.js';
import { notJsonSafe, tooLarge } from '../redo.messages.js';
import { encodeParams } from '../store/task.row.js';

/**
 * Turns parameters into the text that `req_param` holds.
 *
 * @param limit most bytes of JSON
 * @throws {InvalidRedoTaskError} they would not come back from JSON as they are; the error names the path
 */
export function encodeCheckedParams(params: unknown, limit: number): string {
  let json: string;
  try {
    check(params, 'params', new Set());
    json = JSON.stringify(params);
  } catch (error) {
    if (error instanceof InvalidRedoTaskError) throw error;
    if (error instanceof RangeError) throw refused('params', 'is nested too deeply for JSON');
    throw refused('params', `can't be read: ${String((error as Error | null)?.message)}`);
  }
  const bytes = Buffer.byteLength(json);
  if (bytes > limit) throw new InvalidRedoTaskError(tooLarge(bytes, limit));
  return encodeParams(json);
}

const refused = (path: string, reason: string) => new InvalidRedoTaskError(notJsonSafe(path, reason));

function check(value: unknown, path: string, above: Set<object>): void {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return;
    case 'number':
      if (!Number.isFinite(value)) throw refused(path, `is ${value}, which JSON turns into null`);
      return;
    case 'undefined':
      throw refused(path, 'is undefined, which JSON does not have; pass null');
    case 'bigint':
      throw refused(path, 'is a BigInt, which JSON does not have; pass a string');
    case 'function':
    case 'symbol':
      throw refused(path, `is a ${typeof value}, which JSON does not have`);
    case 'object':
      if (value !== null) checkObject(value, path, above);
  }
}

function checkObject(value: object, path: string, above: Set<object>): void {
  if (above.has(value)) throw refused(path, 'refers back to an object that it is part of');
  above.add(value);
  if (Array.isArray(value)) checkArray(value, path, above);
  else checkFields(value, path, above);
  above.delete(value);
}

function checkArray(array: readonly unknown[], path: string, above: Set<object>): void {
  for (let index = 0; index < array.length; index += 1) check(array[index], `${path}[${index}]`, above);
  if (Object.keys(array).length > array.length)
    throw refused(path, 'is an array with named properties, which JSON drops');
}

function checkFields(value: object, path: string, above: Set<object>): void {
  const lost = whatJsonLoses(value);
  if (lost) throw refused(path, lost);
  // A field that is undefined is the same as one that is not there, as in any optional field.
  for (const [key, field] of Object.entries(value))
    if (field !== undefined) check(field, pathTo(path, key), above);
}

/** Instances of an application's own classes pass when all they hold is in plain fields. */
function whatJsonLoses(value: object): string | undefined {
  const name = (value.constructor as { name?: string } | undefined)?.name ?? 'object';
  if (value instanceof Date) return 'is a Date, which JSON turns into a string; pass date.toISOString()';
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function')
    return `is a ${name}, which turns into something else by its toJSON()`;
  if (isBuiltIn(value)) return `is a ${name}, whose contents JSON drops; pass a plain object or array`;
  if (Object.getOwnPropertySymbols(value).length > 0) return 'has symbol keys, which JSON drops';
  if (Object.getOwnPropertyNames(value).length > Object.keys(value).length)
    return `is a ${name} with hidden fields, which JSON drops`;
  return undefined;
}

/** Map, Set, RegExp, Error, Promise, boxed values, buffers: they keep their contents where JSON doesn't look. */
const isBuiltIn = (value: object) =>
  Object.prototype.toString.call(value) !== '[object Object]' || value instanceof WeakRef;

const pathTo = (path: string, key: string) =>
  /^[A-Za-z_$][\w$]*$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;
