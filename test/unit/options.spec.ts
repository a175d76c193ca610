import { describe, expect, test } from '@jest/globals';
import { RedoConfigurationError, RedoModule, type RedoOptions, type RedoPolicy, RedoTask } from 'nestjs-redo';
import { resolveOptions } from '../../lib/redo.options.js';

const refusal = (act: () => unknown) => {
  try {
    act();
  } catch (error) {
    // By name: `nestjs-redo` and the relative path are one module here, but need not be.
    expect((error as Error).name).toBe(RedoConfigurationError.name);
    return (error as Error).message;
  }
  return 'accepted';
};
const refusalOf = (options: unknown) =>
  refusal(() => RedoModule.forRoot('order-service', options as RedoOptions));
const policyRefusal = (policy: unknown) => refusal(() => RedoTask.define('notify', policy as RedoPolicy));

const timer = (min: number) => `an integer from ${min} to 2147483647 ms`;
const count = 'an integer from 1 to 10000';
const years = (min: number) => `an integer from ${min} to 315576000000 ms`;

describe('every option has its default', () => {
  test('where nothing is said', () => {
    expect(resolveOptions('order-service')).toEqual({
      applicationName: 'order-service',
      worker: true,
      schedule: { interval: 1_000 },
      concurrency: 10,
      batchSize: 100,
      lease: 30_000,
      shutdownTimeout: 10_000,
      defaults: {
        maxAttempts: 10,
        tryForever: false,
        backoff: { type: 'exponential', delay: 1_000, maxDelay: 3_600_000, jitter: 0.2 },
        timeout: 300_000,
      },
      retention: { dead: 30 * 24 * 3_600_000, succeeded: 0 },
      maxPayloadBytes: 262_144,
      redact: undefined,
    });
  });

  test('also where it is given as undefined', () => {
    const keys = ['worker', 'schedule', 'concurrency', 'batchSize', 'lease', 'shutdownTimeout', 'defaults'];
    const open = Object.fromEntries([...keys, 'retention', 'maxPayloadBytes'].map((key) => [key, undefined]));
    expect(resolveOptions('order-service', open)).toEqual(resolveOptions('order-service'));
    expect(resolveOptions('x', { retention: { dead: undefined } }).retention.dead).toBe(2_592_000_000);
  });

  test('and is what was given otherwise', () => {
    const given = {
      worker: false,
      schedule: { cron: '*/15 * * * * *' },
      concurrency: 3,
      batchSize: 3,
      lease: 5_000,
      shutdownTimeout: 0,
      retention: { dead: Infinity, succeeded: 5 },
      maxPayloadBytes: 10,
      redact: false as const,
    };
    expect(resolveOptions('x', given)).toMatchObject(given);
  });

  test('batchSize follows a larger concurrency', () => {
    expect(resolveOptions('x', { concurrency: 500 }).batchSize).toBe(500);
  });
});

describe('a wrong value is an error that names option, value and what is allowed', () => {
  test.each<[string, unknown[], string]>([
    ['worker', [0, 1, 'yes', null, {}], 'true or false'],
    ['concurrency', [0, -1, 1.5, NaN, Infinity, '10', 10_001, null], count],
    ['batchSize', [0, -1, 1.5, NaN, '10', 10_001, null], count],
    ['lease', [999, 0, -1, NaN, Infinity, '30s', 2_147_483_648, null], timer(1_000)],
    ['shutdownTimeout', [-1, 0.5, NaN, Infinity, '1', 2_147_483_648, null], timer(0)],
    ['maxPayloadBytes', [0, -1, 0.5, NaN, Infinity, '1', null], 'an integer from 1 to 8000000 bytes'],
    ['redact', [true, null, 'cards', {}], 'false, or a function (text, task) => string'],
    ['dataSource', ['', ' x', 5, null, 'x'.repeat(256)], 'a string of 1 to 255 characters'],
    ['schedule', [null, 5, '* * * * *', [1]], 'an object'],
    ['schedule', [{}, { interval: 1_000, cron: '* * * * *' }], "{ interval: ms } or { cron: 'expression' }"],
    [
      'schedule.interval',
      [9, -1, NaN, 2_147_483_648, '1000', null].map((interval) => ({ interval })),
      timer(10),
    ],
    [
      'schedule.cron',
      ['', 5, null, ['* * * * *']].map((cron) => ({ cron })),
      'a string of 1 to 200 characters',
    ],
    ['retention', [null, 5, '30d'], 'an object'],
    ['retention.dead', [-1, NaN, 0.5, '30d', null].map((dead) => ({ dead })), `${years(0)}, or Infinity`],
    ['retention.succeeded', [-1, NaN].map((succeeded) => ({ succeeded })), `${years(0)}, or Infinity`],
    ['defaults', [null, 5, 'none'], 'an object'],
    ['defaults.maxAttempts', [{ maxAttempts: 0 }], 'an integer from 1 to 2147483647'],
    ['defaults.backoff.delay', [{ backoff: { type: 'fixed', delay: -1 } }], years(0)],
  ])('%s: %j', (option, values, allowed) => {
    const [key] = option.split('.');
    for (const value of values) {
      const message = refusalOf({ [key!]: value });
      expect(message).toMatch(
        new RegExp(`^redo: options\\.${option.replaceAll('.', '\\.')} is .+; allowed: `),
      );
      expect(message).toContain(allowed);
    }
  });

  test.each(['hello', '* * *', '61 * * * * *', '* * * * * * *', '0 25 * * *'])(
    'schedule.cron that does not parse: %s',
    (cron) => {
      expect(refusalOf({ schedule: { cron } })).toMatch(
        /^redo: options\.schedule\.cron is '.+', which does not parse \(.+\); allowed: five or six cron fields/,
      );
    },
  );

  test.each(['* * * * *', '*/15 * * * * *', '0 0 1 1 *', '0 30 11 * * 1-5'])('cron %s parses', (cron) => {
    expect(resolveOptions('x', { schedule: { cron } }).schedule).toEqual({ cron });
  });

  test('a cron expression that never comes true', () => {
    const februaryThe31st = '0 0 31 2 *';
    expect(refusalOf({ schedule: { cron: februaryThe31st } })).toMatch(/^redo: options\.schedule\.cron/);
  });

  test('batchSize below concurrency', () => {
    expect(refusalOf({ concurrency: 20, batchSize: 19 })).toBe(
      'redo: options.batchSize is 19, below options.concurrency 20; allowed: at least the concurrency, or slots stay empty',
    );
    expect(refusalOf({ batchSize: 9 })).toContain('batchSize is 9, below options.concurrency 10');
    expect(refusalOf({ concurrency: 20, batchSize: 20 })).toBe('accepted');
  });

  test.each(['concurency', 'retry', 'constructor', 'toString', 'applicationname'])(
    'an unknown key: %s',
    (key) => {
      expect(refusalOf({ [key]: 1 })).toBe(
        `redo: options has no option '${key}'; allowed: worker, schedule, concurrency, batchSize, lease, shutdownTimeout, defaults, retention, maxPayloadBytes, redact, dataSource`,
      );
    },
  );

  test('an unknown key of a part', () => {
    expect(refusalOf({ retention: { deda: 1 } })).toBe(
      "redo: options.retention has no option 'deda'; allowed: dead, succeeded",
    );
    expect(refusalOf({ schedule: { every: 1 } })).toContain("options.schedule has no option 'every'");
    expect(refusalOf({ defaults: { attempts: 1 } })).toContain("options.defaults has no option 'attempts'");
  });

  test.each([undefined, null, '', ' x', 5, 'x'.repeat(256)])('applicationName: %p', (name) => {
    expect(refusal(() => RedoModule.forRoot(name as string))).toMatch(
      /^redo: applicationName is .+; allowed: a string of 1 to 255 characters/s,
    );
  });

  test('all options in one object, as a factory gives them', () => {
    expect(refusal(() => RedoModule.forRoot({ applicationName: 'x', concurrency: 5 }))).toBe('accepted');
    expect(refusal(() => RedoModule.forRoot({ applicationName: 'x', concurrency: 0 }))).toContain(
      'options.concurrency is 0',
    );
  });
});

describe('a wrong policy is an error that names the type, the value and what is allowed', () => {
  test.each<[string, unknown[], string]>([
    ['maxAttempts', [0, -1, 1.5, NaN, Infinity, '3', 2_147_483_648, null], 'an integer from 1 to 2147483647'],
    ['tryForever', [1, 'true', null], 'true or false'],
    ['expiredDate', ['2031-01-01', 5, new Date(NaN), null], 'a valid Date'],
    ['expiresIn', [0, -1, NaN, '1h', 315_576_000_001, null], years(1)],
    ['timeout', [0, -1, NaN, Infinity, '10s', 2_147_483_648, null], timer(1)],
    ['concurrency', [0, -1, 1.5, NaN, '2', 10_001, null], count],
    [
      'backoff',
      ['fixed', 5, null, []],
      "{ type: 'fixed' | 'linear' | 'exponential', delay, maxDelay?, jitter? }",
    ],
  ])('%s: %j', (key, values, allowed) => {
    for (const value of values) {
      const message = policyRefusal({ [key]: value });
      expect(message).toMatch(new RegExp(`^redo: RedoTask 'notify'\\.${key} is .+; allowed: `));
      expect(message).toContain(allowed);
    }
  });

  test.each<[string, object, string]>([
    ['type', { type: 'expo', delay: 1 }, "'fixed', or 'linear', or 'exponential'"],
    ['type', { delay: 1 }, "'fixed', or 'linear', or 'exponential'"],
    ['delay', { type: 'fixed' }, years(0)],
    ['delay', { type: 'fixed', delay: -1 }, years(0)],
    ['delay', { type: 'fixed', delay: NaN }, years(0)],
    ['maxDelay', { type: 'fixed', delay: 1, maxDelay: -1 }, years(0)],
    ['jitter', { type: 'fixed', delay: 1, jitter: 1.1 }, 'a number from 0 to 1'],
    ['jitter', { type: 'fixed', delay: 1, jitter: NaN }, 'a number from 0 to 1'],
    ['jitter', { type: 'fixed', delay: 1, jitter: '0.2' }, 'a number from 0 to 1'],
  ])('backoff.%s: %j', (key, backoff, allowed) => {
    const message = policyRefusal({ backoff });
    expect(message).toContain(`RedoTask 'notify'.backoff.${key} is `);
    expect(message).toContain(allowed);
  });

  test('an unknown key', () => {
    expect(policyRefusal({ retries: 3 })).toBe(
      "redo: RedoTask 'notify' has no option 'retries'; allowed: maxAttempts, tryForever, expiredDate, expiresIn, backoff, timeout, concurrency",
    );
    expect(policyRefusal({ backoff: { type: 'fixed', delay: 1, factor: 2 } })).toContain(
      "has no option 'factor'",
    );
  });

  test('both expiredDate and expiresIn', () => {
    expect(policyRefusal({ expiredDate: new Date(), expiresIn: 5 })).toBe(
      "redo: RedoTask 'notify' sets both expiredDate and expiresIn; allowed: one of them",
    );
  });

  test('the builder checks the same, and builds what is right', () => {
    expect(refusal(() => RedoTask.newBuilder('notify').maxAttempts(0).build())).toContain('maxAttempts is 0');
    const backoff = () => 5;
    const task = RedoTask.newBuilder('notify')
      .maxAttempts(3)
      .tryForever()
      .expiresIn(1_000)
      .backoff(backoff)
      .timeout(50)
      .concurrency(2)
      .build();
    expect(task).toMatchObject({
      redoTaskId: 'notify',
      policy: { maxAttempts: 3, tryForever: true, expiresIn: 1_000, backoff, timeout: 50, concurrency: 2 },
    });
    const dated = RedoTask.newBuilder('notify').expiredDate(new Date(5)).build();
    expect(dated.policy.expiredDate).toEqual(new Date(5));
  });
});
