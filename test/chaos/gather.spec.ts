import { describe, expect, test } from '@jest/globals';
import { type NodeProcess } from '../support/spawn-node.js';
import { type Worker } from './fleet.js';
import { livesOf, ordersOf, processOf } from './gather.js';

/** A process that told this and ended like that. */
const told = (lines: readonly string[], exit?: Worker['exit']): Worker => ({
  slot: 1,
  process: { pid: 101, lines } as NodeProcess,
  endedBy: 'worker stopped',
  exit,
  overdue: false,
});

const began = 'workerStarted {"at":10,"workerId":"one"}';
const exit = { at: 90, how: 'SIGTERM' };

describe('a worker’s life', () => {
  test('ends with its process, at the earliest with its lease, by its own word or by another’s', () => {
    expect(livesOf([told([began], { at: 90, how: 'SIGKILL' })])).toMatchObject([
      { worker: 'one', slot: 1, pid: 101, from: 10, end: { at: 90, how: 'killed' } },
    ]);
    expect(livesOf([told([began, 'leaseLost {"at":50,"workerId":"one"}'], exit)])).toMatchObject([
      { end: { at: 50, how: 'lost' } },
    ]);
    const other = told(['workerLapsed {"at":40,"workerId":"one"}'], exit);
    expect(livesOf([told([began, 'leaseLost {"at":50,"workerId":"one"}'], exit), other])).toMatchObject([
      { end: { at: 40, how: 'lost' } },
    ]);
    expect(livesOf([told([began])])).toMatchObject([{ end: undefined }]);
  });

  test('was not lost if it could hand everything back, whatever it thought of its lease', () => {
    const lines = [began, 'leaseLost {"at":50,"workerId":"one"}', 'workerStopped {"at":60,"workerId":"one"}'];
    expect(livesOf([told(lines, exit)])).toMatchObject([{ end: { at: 60, how: 'stopped' } }]);
  });

  test('is one of several of a process, each with what it settled', () => {
    const lines = [
      began,
      'succeeded {"at":20,"id":7}',
      'leaseLost {"at":50,"workerId":"one"}',
      'workerStarted {"at":60,"workerId":"two"}',
      'failed {"at":70,"id":8}',
    ];
    expect(livesOf([told(lines, exit)])).toMatchObject([
      { worker: 'one', end: { at: 50, how: 'lost' } },
      { worker: 'two', from: 60, end: { at: 90, how: 'stopped' }, settled: [{ task: 8, at: 70 }] },
    ]);
  });
});

describe('a process', () => {
  test('that a handler crashed was ended by it, and one that had to be killed has not stopped', () => {
    expect(processOf(told(['crashing {"at":5,"task":1}'], exit))).toMatchObject({
      endedBy: 'a handler that crashed',
      exit,
    });
    expect(processOf({ ...told([], exit), overdue: true }).exit).toBeUndefined();
  });
});

test('what a producer was told stands beside what is stored, where it stored something itself', () => {
  const lines = [
    'ready {"at":1}',
    'order {"at":2,"key":"a1.1","deed":"quick","told":"committed","detached":false}',
    'order {"at":3,"key":"a2.1","deed":"long","told":"unknown","detached":false}',
    'order {"at":4,"key":"a3.1","deed":"quick","told":"committed","detached":true}',
  ];
  expect(ordersOf({ lines } as unknown as NodeProcess, new Set(['a1.1']))).toEqual([
    { key: 'a1.1', deed: 'quick', told: 'committed', stored: true },
    { key: 'a2.1', deed: 'long', told: 'unknown', stored: false },
    { key: 'a3.1', deed: 'quick', told: 'committed', stored: undefined },
  ]);
});
