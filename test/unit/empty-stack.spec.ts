import { expect, test } from '@jest/globals';
import { onEmptyStack } from '../../lib/redrive/empty.stack.js';

test('an error that is made by the call shows nothing of who asked for it', async () => {
  const stacks: (string | undefined)[] = [];
  const handler = () => void stacks.push(new Error('the partner is down').stack);
  const engine = async (call: typeof onEmptyStack) => {
    await call(handler);
  };
  await engine(onEmptyStack);
  await engine((call) => Promise.resolve(call()));
  const [onEmpty, directly] = stacks;
  expect(onEmpty).toContain('at handler');
  expect(onEmpty).not.toContain('engine');
  expect(directly).toContain('engine');
});

test('who asked for the call waits for it, and hears what it throws', async () => {
  const broken = new Error('broken');
  const calls: string[] = [];
  await onEmptyStack(() => void calls.push('called'));
  expect(calls).toEqual(['called']);
  await expect(
    onEmptyStack(() => {
      throw broken;
    }),
  ).rejects.toBe(broken);
});
