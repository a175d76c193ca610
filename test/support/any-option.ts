import fc from 'fast-check';

/** What a caller without a compiler may pass: values of every type, some of them nearly right. */
export const garbage: fc.Arbitrary<unknown> = fc.oneof(
  fc.anything({ withBigInt: true, withDate: true, withNullPrototype: true, withMap: true, maxDepth: 2 }),
  fc.integer(),
  fc.double(),
  fc.constantFrom(0, 1, -1, 10, 1_000, 30_000, 2 ** 31, 2 ** 53, 315_576_000_000, 315_576_000_001, Infinity),
  fc.date({ noInvalidDate: false }),
  fc.string({ maxLength: 300 }),
  fc.boolean(),
  fc.constantFrom<unknown>(
    undefined,
    null,
    () => 1,
    Symbol('x'),
    Symbol.iterator,
    class {},
    new Proxy({}, {}),
    '',
  ),
);

/** An object with some of these keys, perhaps others, and garbage in them. */
export const garbageOf = (keys: readonly string[]): fc.Arbitrary<Record<string, unknown>> =>
  fc.oneof(
    { weight: 6, arbitrary: fc.dictionary(fc.constantFrom(...keys), garbage, { maxKeys: 2 }) },
    { weight: 1, arbitrary: fc.dictionary(fc.oneof(fc.constantFrom(...keys), fc.string()), garbage) },
  );
