import type { HandledType } from '../handlers/handler.registry.js';
import type { RedoContext } from '../handlers/redo-context.js';
import { RedoResult } from '../handlers/redo-result.js';
import { dateOf } from '../instant.js';
import { timedOut } from '../redo.messages.js';
import type { ClaimedTask } from '../store/task.row.js';
import { failureOf, withoutStack } from './failure.js';
import type { Outcome } from './outcome.js';

/** Why a handler's signal is aborted when this instance stops. */
export class ShutdownAbort extends Error {
  override readonly name = 'AbortError';
}

/** Runs one handler for one task. Knows no database and never throws. */
export async function execute(
  type: HandledType,
  task: ClaimedTask,
  controller: AbortController,
): Promise<Outcome> {
  const { timeout } = type.policy;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Outcome>((resolve) => {
    timer = setTimeout(() => {
      const failure = withoutStack(timedOut(timeout));
      controller.abort(failure.error);
      resolve({ kind: 'failed', failure });
    }, timeout);
    // A handler that is given up at shutdown must not keep the process alive.
    timer.unref();
  });
  try {
    return await Promise.race([call(type, task, controller.signal), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function call(type: HandledType, task: ClaimedTask, signal: AbortSignal): Promise<Outcome> {
  try {
    return outcomeOf(await type.handle(task.params as never, contextOf(task, signal)));
  } catch (thrown) {
    if (signal.aborted && signal.reason instanceof ShutdownAbort) return { kind: 'aborted' };
    return { kind: 'failed', failure: failureOf(thrown) };
  }
}

function outcomeOf(result: unknown): Outcome {
  if (result instanceof Error) throw result;
  if (!RedoResult.is(result)) return { kind: 'succeeded' };
  const { verdict } = result;
  switch (verdict.kind) {
    case 'success':
      return { kind: 'succeeded' };
    case 'failure':
      return { kind: 'failed', failure: withoutStack(verdict.reason) };
    case 'retryAfter':
      return { kind: 'postponed', delay: verdict.delay };
    case 'discard':
      return { kind: 'discarded', reason: verdict.reason };
  }
}

function contextOf(task: ClaimedTask, signal: AbortSignal): RedoContext {
  const last = task.errors.at(-1);
  return {
    id: task.id,
    redoTaskId: task.redoTaskId,
    attempt: task.execTimes + 1,
    maxAttempts: task.maxAttempts,
    createTime: dateOf(task.addTime),
    expiredDate: task.expireTime === null ? null : dateOf(task.expireTime),
    lastError: last ? { ...last, time: dateOf(last.time) } : null,
    signal,
  };
}
