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
    new Walk().check(params);
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

/** One way through parameters. The path is put into words only when something is refused. */
class Walk {
  /** The objects that it is in, the outermost first, and the keys that led from each to the next. */
  private readonly above: object[] = [];
  private readonly keys: (string | number)[] = [];

  check(value: unknown): void {
    switch (typeof value) {
      case 'string':
      case 'boolean':
        return;
      case 'number':
        if (!Number.isFinite(value)) this.refuse(`is ${value}, which JSON turns into null`);
        return;
      case 'undefined':
        return this.refuse('is undefined, which JSON does not have; pass null');
      case 'bigint':
        return this.refuse('is a BigInt, which JSON does not have; pass a string');
      case 'function':
      case 'symbol':
        return this.refuse(`is a ${typeof value}, which JSON does not have`);
      case 'object':
        if (value !== null) this.checkObject(value);
    }
  }

  private checkObject(value: object): void {
    if (this.above.includes(value)) this.refuse('refers back to an object that it is part of');
    this.above.push(value);
    if (Array.isArray(value)) this.checkArray(value);
    else this.checkFields(value as Readonly<Record<string, unknown>>);
    this.above.pop();
  }

  private checkArray(array: readonly unknown[]): void {
    for (let index = 0; index < array.length; index += 1) this.checkAt(index, array[index]);
    if (Object.keys(array).length > array.length)
      this.refuse('is an array with named properties, which JSON drops');
  }

  private checkFields(value: Readonly<Record<string, unknown>>): void {
    const fields = Object.keys(value);
    const lost = whatJsonLoses(value, fields.length);
    if (lost) this.refuse(lost);
    for (const key of fields) {
      const field = value[key];
      // The same as one that is not there, as in any optional field.
      if (field !== undefined) this.checkAt(key, field);
    }
  }

  private checkAt(key: string | number, value: unknown): void {
    this.keys.push(key);
    this.check(value);
    this.keys.pop();
  }

  private refuse(reason: string): never {
    throw refused(this.keys.reduce(pathTo, 'params'), reason);
  }
}

/** Instances of an application's own classes pass when all they hold is in plain fields. */
function whatJsonLoses(value: object, fields: number): string | undefined {
  const name = () => (value.constructor as { name?: string } | undefined)?.name ?? 'object';
  if (value instanceof Date) return 'is a Date, which JSON turns into a string; pass date.toISOString()';
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function')
    return `is a ${name()}, which turns into something else by its toJSON()`;
  if (isBuiltIn(value)) return `is a ${name()}, whose contents JSON drops; pass a plain object or array`;
  if (Object.getOwnPropertySymbols(value).length > 0) return 'has symbol keys, which JSON drops';
  if (Object.getOwnPropertyNames(value).length > fields)
    return `is a ${name()} with hidden fields, which JSON drops`;
  return undefined;
}

/** Map, Set, RegExp, Error, Promise, boxed values, buffers: they keep their contents where JSON doesn't look. */
const isBuiltIn = (value: object) =>
  Object.prototype.toString.call(value) !== '[object Object]' || value instanceof WeakRef;

const pathTo = (path: string, key: string | number): string =>
  typeof key === 'string' && /^[A-Za-z_$][\w$]*$/.test(key)
    ? `${path}.${key}`
    : `${path}[${JSON.stringify(key)}]`;
