import { expect, test } from '@jest/globals';
import { failureOf, fileOf } from '../../lib/redrive/failure.js';

const CALLER = 'file:///app/node_modules/nestjs-redo/dist/lib/redrive/task.executor.js';
const HANDLER = ['    at Partner.call (/app/partner.js:3:9)', '    at Orders.notify (/app/orders.js:7:5)'];
const ENGINE = [`    at execute (${CALLER}:31:35)`, '    at async /app/main.js:1:1'];

const stackOf = (lines: readonly string[], caller?: string) => {
  const error = Object.assign(new Error('no'), { stack: lines.join('\n') });
  return failureOf(error, undefined, caller).stack?.split('\n');
};

test.each<[what: string, stack: readonly string[], stored: readonly string[]]>([
  ['what called the handler', ['Error: no', ...HANDLER, ...ENGINE], ['Error: no', ...HANDLER]],
  [
    'an asynchronous call too',
    ['Error: no', ...HANDLER, `    at async execute (${CALLER}:31:12)`],
    ['Error: no', ...HANDLER],
  ],
  ['all calls, where they are the engine’s', ['Error: no', ...ENGINE], ['Error: no']],
  [
    'nothing of a message that names the file',
    [`Error: can't read ${CALLER}`, 'or another', ...HANDLER, ...ENGINE],
    [`Error: can't read ${CALLER}`, 'or another', ...HANDLER],
  ],
  ['nothing of other stacks', ['Error: no', ...HANDLER], ['Error: no', ...HANDLER]],
  ['nothing of what has no calls', [`Error: ${CALLER}`], [`Error: ${CALLER}`]],
])('a stored stack leaves out %s', (_, stack, stored) => {
  expect(stackOf(stack, CALLER)).toEqual(stored);
});

test('a stored stack has six lines at the most', () => {
  const calls = Array.from({ length: 10 }, (_, index) => `    at call${index} (/app/partner.js:3:9)`);
  expect(stackOf(['Error: no', ...calls], CALLER)).toEqual(['Error: no', ...calls.slice(0, 5)]);
  expect(stackOf(['Error: no', ...calls])).toHaveLength(6);
});

test.each<[stack: string | undefined, file: string | undefined]>([
  [
    'Error\n    at file:///app/some%20file/a.js:16:14\n    at async main.js:1:1',
    'file:///app/some%20file/a.js',
  ],
  ['Error: at\n    at execute (/app/my files (b)/a.ts:16:14)', '/app/my files (b)/a.ts'],
  ['Error\n    at C:/app/a.js:16:14', 'C:/app/a.js'],
  ['Error\n    at execute (/app/bundle.js:16:14)', undefined],
  ['Error', undefined],
  [undefined, undefined],
])('the file a that made an error with the stack %j is %j', (stack, file) => {
  expect(fileOf(Object.assign(new Error(), { stack }), 'a')).toBe(file);
});

test('the file that made an error is named as its other stacks name it', () => {
  const here = fileOf(new Error(), 'failure.spec');
  expect(here).toMatch(/failure\.spec\.[jt]s$/);
  expect(stackOf((new Error('no').stack ?? '').split('\n'), here)).toEqual(['Error: no']);
});
