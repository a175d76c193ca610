import type { HandledType } from '../handlers/handler.registry.js';
import type { RedoContext } from '../handlers/redo-context.js';
import { RedoResult } from '../handlers/redo-result.js';
import { dateOf } from '../instant.js';
import { type Clean, cleanerOf, type Redact } from '../redaction.js';
import { timedOut } from '../redo.messages.js';
import { type ClaimedTask, decodeParams } from '../store/task.row.js';
import { failureOf, headOf, withoutStack } from './failure.js';
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
  redact: Redact | false,
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
    return await Promise.race([call(type, task, controller.signal, redact), late]);
  } finally {
    clearTimeout(timer);
  }
}

async function call(
  type: HandledType,
  task: ClaimedTask,
  signal: AbortSignal,
  redact: Redact | false,
): Promise<Outcome> {
  const { id, redoTaskId, reqParam } = task;
  const clean = cleanerOf(redact, () => ({ id, redoTaskId, params: decodeParams(reqParam) }));
  try {
    return outcomeOf(await type.handle(task.params as never, contextOf(task, signal)), clean);
  } catch (thrown) {
    if (signal.aborted && signal.reason instanceof ShutdownAbort) return { kind: 'aborted' };
    return { kind: 'failed', failure: failureOf(thrown, clean) };
  }
}

function outcomeOf(result: unknown, clean: Clean): Outcome {
  if (result instanceof Error) throw result;
  if (!RedoResult.is(result)) return { kind: 'succeeded' };
  const { verdict } = result;
  switch (verdict.kind) {
    case 'success':
      return { kind: 'succeeded' };
    case 'failure':
      return { kind: 'failed', failure: withoutStack(clean(headOf(verdict.reason))) };
    case 'retryAfter':
      return { kind: 'postponed', delay: verdict.delay };
    case 'discard':
      return { kind: 'discarded', reason: clean(headOf(verdict.reason)) };
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
