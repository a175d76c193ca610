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
export function execute(
  type: HandledType,
  task: ClaimedTask,
  controller: AbortController,
  redact: Redact | false,
): Promise<Outcome> {
  const { timeout } = type.policy;
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      const failure = withoutStack(timedOut(timeout));
      controller.abort(failure.error);
      resolve({ kind: 'failed', failure });
    }, timeout);
    // A handler that is given up at shutdown must not keep the process alive.
    timer.unref();
    void call(type, task, controller, redact).then((outcome) => {
      clearTimeout(timer);
      resolve(outcome);
    });
  });
}

async function call(
  type: HandledType,
  task: ClaimedTask,
  controller: AbortController,
  redact: Redact | false,
): Promise<Outcome> {
  const { id, redoTaskId, reqParam } = task;
  const clean = cleanerOf(redact, () => ({ id, redoTaskId, params: decodeParams(reqParam) }));
  try {
    return outcomeOf(await type.handle(task.params as never, contextOf(task, controller)), clean);
  } catch (thrown) {
    const { signal } = controller;
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

function contextOf(task: ClaimedTask, controller: AbortController): RedoContext {
  const last = task.errors.at(-1);
  return {
    id: task.id,
    redoTaskId: task.redoTaskId,
    attempt: task.execTimes + 1,
    maxAttempts: task.maxAttempts,
    createTime: dateOf(task.addTime),
    expiredDate: task.expireTime === null ? null : dateOf(task.expireTime),
    lastError: last ? { ...last, time: dateOf(last.time) } : null,
    // Node makes it when it is first asked for, and most handlers never do.
    get signal() {
      return controller.signal;
    },
  };
}
