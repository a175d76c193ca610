import fc from 'fast-check';
import { type DatabaseKind } from './test-run.js';

/** The columns of `tbl_redotask` that somebody may have written by hand. */
export interface AnyRow {
  readonly redo_task_id: string;
  readonly status: string;
  readonly max_attempts: unknown;
  readonly exec_times: unknown;
  readonly try_forever: string | null;
  readonly req_param: string | null;
  readonly next_exec_time: unknown;
  readonly expire_time: unknown;
  readonly add_time: unknown;
  readonly dead_reason: string | null;
  readonly dead_detail: string | null;
  readonly dedupe_key: string | null;
  readonly errors: string | null;
}

const MOST_INT = 2_147_483_647;
const MOST_BIGINT = 2n ** 63n - 1n;
const NOW = Date.now();

const orNull = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: null, freq: 4 });
/** Text that a column of UTF-8 holds as it is. */
const text = (maxLength: number) =>
  fc.string({ unit: 'binary', maxLength }).map((value) => [...value].slice(0, maxLength).join(''));
const visible = (maxLength: number) => text(maxLength).map((value) => value.replaceAll('\0', ''));

const int = fc.oneof(
  fc.integer({ min: -1, max: 5 }),
  fc.integer({ min: -MOST_INT - 1, max: MOST_INT }),
  fc.constantFrom(-MOST_INT - 1, MOST_INT - 1, MOST_INT),
);
/** As a text where JavaScript has no such number. */
const instant = fc
  .oneof(
    fc.integer({ min: NOW - 100_000_000_000, max: NOW - 60_000 }),
    fc.integer({ min: NOW + 3_600_000, max: NOW + 100_000_000_000 }),
    fc.constantFrom(0, 1, -1, 8.64e15, 8.64e15 + 1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER),
    fc.bigInt({ min: -MOST_BIGINT - 1n, max: MOST_BIGINT }),
    fc.constantFrom(MOST_BIGINT, -MOST_BIGINT - 1n),
  )
  .map((value) => (Number.isSafeInteger(Number(value)) ? Number(value) : String(value)));

const json = fc.oneof(
  fc.json(),
  fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.stringify(value)),
);
const reqParam = fc.oneof(
  { weight: 3, arbitrary: json.map((value) => `{"params":${value}}`) },
  { weight: 1, arbitrary: json.map((value) => `{"params":${value}}`.slice(0, -1)) },
  { weight: 1, arbitrary: json },
  { weight: 1, arbitrary: visible(60) },
  fc.constantFrom('', 'null', '[]', '{"params":1,"params":2}', '{"Params":1}', '{"__proto__":{"params":1}}'),
  fc.constantFrom('['.repeat(5_000), `{"params":${'['.repeat(3_000)}${']'.repeat(3_000)}}`),
);
const storedError = fc.record(
  {
    attempt: fc.oneof(fc.integer(), fc.string()),
    message: fc.oneof(fc.string(), fc.integer()),
    stack: orNull(fc.string()),
    time: fc.oneof(fc.maxSafeInteger(), fc.double(), fc.string()),
    host: fc.oneof(fc.string(), fc.constant(null)),
  },
  { requiredKeys: [] },
);
const errors = orNull(
  fc.oneof(
    json,
    visible(40),
    fc.array(storedError, { maxLength: 14 }).map((value) => JSON.stringify(value)),
  ),
);

/** Rows of `types`, mostly; due ones, mostly. */
export const anyRow = (types: readonly string[]): fc.Arbitrary<AnyRow> =>
  fc.record({
    redo_task_id: fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(...types) },
      { weight: 1, arbitrary: visible(20) },
      { weight: 1, arbitrary: fc.constantFrom(...types).map((type) => `${type} `) },
      { weight: 1, arbitrary: fc.constantFrom('', 'constructor', '__proto__', types[0]!.toUpperCase()) },
    ),
    status: fc.oneof(
      { weight: 6, arbitrary: fc.constant('PENDING') },
      { weight: 1, arbitrary: fc.constantFrom('PARKED', 'DEAD', 'SUCCEEDED', 'pending', 'RUNNING', '', '?') },
      { weight: 1, arbitrary: fc.stringMatching(/^[ -~]{0,10}$/).map((value) => value.trim()) },
    ),
    max_attempts: orNull(int),
    exec_times: int,
    try_forever: orNull(fc.oneof(fc.constantFrom('0', '1', 'true'), visible(4))),
    req_param: orNull(reqParam),
    next_exec_time: fc.oneof({ weight: 2, arbitrary: fc.integer({ min: 0, max: 1_000 }) }, instant),
    expire_time: fc.oneof({ weight: 2, arbitrary: fc.constant(null) }, instant),
    add_time: instant,
    dead_reason: orNull(fc.constantFrom('EXHAUSTED', 'EXPIRED', 'DISCARDED', 'BORED', '')),
    dead_detail: orNull(visible(50)),
    dedupe_key: orNull(visible(20)),
    errors,
  });

/** What SQLite takes into any column, whatever its type. */
const anything = fc.oneof(
  fc.double({ noNaN: true }),
  visible(10),
  fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom('1', '1.5', '1e3', ' 1', '0x1', MOST_BIGINT, -MOST_BIGINT - 1n, 2n ** 53n + 1n),
);

/** Rows that only a database without strict types holds. */
export const untypedRow = (types: readonly string[]): fc.Arbitrary<AnyRow> =>
  fc
    .tuple(
      anyRow(types),
      fc.dictionary(
        fc.constantFrom(
          'max_attempts',
          'exec_times',
          'next_exec_time',
          'expire_time',
          'add_time',
          'try_forever',
          'req_param',
          'errors',
          'dead_detail',
        ),
        anything,
      ),
    )
    .map(([row, odd]) => ({ ...row, ...odd }));

export const hasStrictTypes = (kind: DatabaseKind): boolean => kind !== 'sqlite';
