import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { encodeCheckedParams } from '../../lib/adding/json.params.js';
import { InvalidRedoTaskError } from '../../lib/redo.errors.js';
import { decodeParams } from '../../lib/store/task.row.js';

const LIMIT = 1_000_000;
const refusal = (params: unknown, limit = LIMIT) => {
  try {
    encodeCheckedParams(params, limit);
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidRedoTaskError);
    return (error as Error).message;
  }
  return 'accepted';
};

describe('encodeCheckedParams', () => {
  test('writes the seed’s form', () => {
    expect(encodeCheckedParams({ a: [1, 'x', null, true] }, LIMIT)).toBe(
      '{"params":{"a":[1,"x",null,true]}}',
    );
    expect(encodeCheckedParams(null, LIMIT)).toBe('{"params":null}');
  });

  test('any JSON value comes back as it was', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const back = decodeParams(encodeCheckedParams(value, LIMIT));
        expect(JSON.stringify(back)).toBe(JSON.stringify(value));
      }),
    );
  });

  test('of any value whatsoever: refused, or it comes back as it was', () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
      withSparseArray: true,
      withBoxedValues: true,
      withNullPrototype: true,
    });
    fc.assert(
      fc.property(anything, (value) => {
        let encoded: string;
        try {
          encoded = encodeCheckedParams(value, LIMIT);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidRedoTaskError);
          return;
        }
        // toEqual: a field that is undefined is the same as one that is not there.
        expect(plain(decodeParams(encoded))).toEqual(plain(value));
      }),
      { numRuns: 500 },
    );
  });

  test('the same object in two places is no cycle', () => {
    const address = { city: '上海' };
    expect(encodeCheckedParams({ from: address, to: address, all: [address, address] }, LIMIT)).toBe(
      '{"params":{"from":{"city":"上海"},"to":{"city":"上海"},"all":[{"city":"上海"},{"city":"上海"}]}}',
    );
  });

  test('an instance whose data are all plain fields passes', () => {
    class Order {
      readonly id = 7;
      get label() {
        return `order ${this.id}`;
      }
    }
    expect(encodeCheckedParams(new Order(), LIMIT)).toBe('{"params":{"id":7}}');
    const withoutPrototype: unknown = Object.assign(Object.create(null), { a: 1 });
    expect(encodeCheckedParams(withoutPrototype, LIMIT)).toBe('{"params":{"a":1}}');
  });

  test('a field that is undefined is left out', () => {
    expect(encodeCheckedParams({ a: 1, b: undefined }, LIMIT)).toBe('{"params":{"a":1}}');
  });

  test('names the path, quoted where it must be', () => {
    expect(refusal({ a: { 'b c': [{ $d: 1n }] } })).toContain('params.a["b c"][0].$d is a BigInt');
    expect(refusal([[NaN]])).toContain('params[0][0] is NaN');
    expect(refusal({ passed: [{ a: 1 }, [2]], then: { b: 1n } })).toContain('params.then.b is a BigInt');
    const ring: unknown[] = [[]];
    ring.push({ ring });
    expect(refusal(ring)).toContain('params[1].ring refers back to an object that it is part of');
  });

  test('what throws when it is looked at is refused by name', () => {
    const hostile = {
      get trap() {
        throw new Error('boo');
      },
    };
    expect(refusal({ hostile })).toContain('params');
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(refusal({ proxy })).toContain('params');
  });

  test('counts bytes of JSON in UTF-8', () => {
    expect(refusal('é', 4)).toBe('accepted');
    expect(refusal('é', 3)).toContain('the parameters are 4 bytes of JSON; allowed: at most 3');
    expect(refusal('\n', 3)).toContain('are 4 bytes');
  });
});

/** As JSON sees it: no -0, no prototypes. */
function plain(value: unknown): unknown {
  if (Object.is(value, -0)) return 0;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .map(([key, field]) => [key, plain(field)]);
}
