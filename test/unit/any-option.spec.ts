import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { RedoModule, type RedoOptions, type RedoPolicy, RedoTask } from 'nestjs-redo';
import { delayAfter } from '../../lib/redrive/retry.policy.js';
import { resolveOptions } from '../../lib/redo.options.js';
import { garbage, garbageOf } from '../support/any-option.js';
import { cases } from '../support/fuzzing.js';

const POLICY = ['maxAttempts', 'tryForever', 'expiredDate', 'expiresIn', 'backoff', 'timeout', 'concurrency'];
const OPTIONS = [
  'worker',
  'schedule',
  'concurrency',
  'batchSize',
  'lease',
  'shutdownTimeout',
  'defaults',
  'retention',
  'maxPayloadBytes',
  'dataSource',
];

const backoff = fc.record(
  {
    type: fc.constantFrom('fixed', 'linear', 'exponential', 'none'),
    delay: garbage,
    maxDelay: garbage,
    jitter: garbage,
  },
  { requiredKeys: [] },
);
const policy = fc
  .tuple(garbageOf(POLICY), fc.option(backoff, { nil: undefined }))
  .map(([given, schedule]) => (schedule === undefined ? given : { ...given, backoff: schedule }));
const options = fc
  .tuple(
    garbageOf(OPTIONS),
    fc.record(
      {
        defaults: policy,
        retention: garbageOf(['dead', 'succeeded']),
        schedule: fc.oneof(
          garbageOf(['interval', 'cron']),
          fc.string().map((cron) => ({ cron })),
        ),
      },
      { requiredKeys: [] },
    ),
  )
  .map(([one, other]) => ({ ...one, ...other }));

/** A sentence that names what was given and what is allowed. */
const REFUSAL =
  /^redo: [^]*(( is | does not parse )[^]+; allowed: .+|has no option '[^]*'; allowed: .+|sets both \w+ and \w+; allowed: one of them)$/;

/** Accepted, or refused in such a sentence: nothing else. */
function refusal(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    expect((error as Error).name).toBe('RedoConfigurationError');
    expect((error as Error).message).toMatch(REFUSAL);
    expect((error as Error).message.length).toBeLessThan(2_000);
    return (error as Error).message;
  }
}

describe('whatever a caller without a compiler passes', () => {
  test('as options of the module: taken with every value in its bounds, or refused by name', () => {
    fc.assert(
      fc.property(options, (given) => {
        if (refusal(() => RedoModule.forRoot('order-service', given as RedoOptions)) !== undefined) return;
        const resolved = resolveOptions('order-service', given as RedoOptions);
        for (const count of [resolved.concurrency, resolved.batchSize]) {
          expect(Number.isSafeInteger(count)).toBe(true);
          expect(count).toBeGreaterThanOrEqual(1);
        }
        expect(resolved.batchSize).toBeGreaterThanOrEqual(resolved.concurrency);
        expect(resolved.lease).toBeGreaterThanOrEqual(1_000);
        expect(typeof resolved.worker).toBe('boolean');
        for (const keptFor of Object.values(resolved.retention)) expect(keptFor).toBeGreaterThanOrEqual(0);
      }),
      cases(2_000),
    );
  });

  test('as the application’s name or a task type’s id', () => {
    fc.assert(
      fc.property(garbage, (given) => {
        const refused = [
          refusal(() => RedoModule.forRoot(given as string)),
          refusal(() => RedoTask.define(given as string)),
          refusal(() => RedoTask.newBuilder(given as string).build()),
        ];
        if (typeof given !== 'string' || given === '')
          for (const each of refused.slice(1)) expect(each).toBeDefined();
      }),
      cases(1_000),
    );
  });

  test('as a policy: it always gives a delay that a database can add, or is refused by name', () => {
    fc.assert(
      fc.property(
        policy,
        fc.integer({ min: 1, max: 100 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (given, attempt, random) => {
          if (refusal(() => RedoTask.define('notify', given)) !== undefined) return;
          const { backoff: schedule } = given as RedoPolicy;
          if (schedule === undefined) return;
          const delay = delayAfter(attempt, new Error('x'), schedule, random);
          expect(Number.isSafeInteger(delay)).toBe(true);
          expect(delay).toBeGreaterThanOrEqual(0);
          expect(delay).toBeLessThanOrEqual(315_576_000_000);
        },
      ),
      cases(2_000),
    );
  });
});
