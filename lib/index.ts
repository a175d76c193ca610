export { RedoModule } from './redo.module.js';
export type { RedoModuleAsyncOptions, RedoModuleOptions } from './redo.module-definition.js';
export type { RedoOptions, RedoRetention, RedoSchedule } from './redo.options.js';
export { maskParams, type Redact, type RedactedTask } from './redaction.js';
export { RedoManager } from './redo.manager.js';
export type { AddRedoTaskOptions, AddRedoTasksOptions } from './adding/add.options.js';
export type { AddedTask } from './store/insert.js';
export { RedoHandler } from './handlers/redo-handler.decorator.js';
export { RedoHandlerRegistry } from './handlers/handler.registry.js';
export { RedoTask, RedoTaskBuilder } from './handlers/redo-task.js';
export { RedoResult } from './handlers/redo-result.js';
export type { AttemptError, RedoContext, RedoHandlerFunction } from './handlers/redo-context.js';
export type {
  Backoff,
  BackoffFunction,
  BackoffSchedule,
  RedoPolicy,
  TaskLimits,
} from './handlers/redo-policy.js';
export { RedoEvents, type RedoEventListener, type RedoEventMap, type RedoEventName } from './redo.events.js';
export type { RedrivePass } from './redrive/redrive.pass.js';
export { REDRIVE_JOB } from './redrive/redrive.scheduler.js';
export type { RedoPage, RedoTaskFilter } from './steering/task.filter.js';
export type {
  RedoStats,
  RedoTaskView,
  RedoTypeStats,
  RedoWorkerView,
  TaskWorker,
} from './steering/task.view.js';
export type { DeadReason, TaskStatus } from './store/task.row.js';
export {
  DatabaseTimeoutError,
  InvalidRedoTaskError,
  MissingTablesError,
  RedoConfigurationError,
  RedoError,
  UnknownTaskTypeError,
} from './redo.errors.js';
