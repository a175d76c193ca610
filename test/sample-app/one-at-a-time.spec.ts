import { expect, test } from '@jest/globals';
import { setImmediate as turn } from 'node:timers/promises';
import { OneAtATime } from '../../sample-app/orders/one-at-a-time.js';

test('work that is given at the same moment does not overlap, and a failure is told to its own caller only', async () => {
  const oneAtATime = new OneAtATime();
  const seen: string[] = [];
  const work = (name: string, fails = false) =>
    oneAtATime.run(async () => {
      seen.push(`${name} begins`);
      await turn();
      seen.push(`${name} ends`);
      if (fails) throw new Error(name);
      return name;
    });

  const outcomes = await Promise.allSettled([work('a'), work('b', true), work('c')]);

  expect(seen).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});
