/** Every error this library throws on purpose. Its message says what was given, what is allowed and what to do. */
export class RedoError extends Error {
  override readonly name: string = 'RedoError';
}

/** The module, its options or a handler is set up wrongly. Thrown at start-up. */
export class RedoConfigurationError extends RedoError {
  override readonly name = 'RedoConfigurationError';
}

/** A task, filter or id that was given to {@link RedoManager} is refused; nothing was written. */
export class InvalidRedoTaskError extends RedoError {
  override readonly name = 'InvalidRedoTaskError';
}

/** No handler and no definition is registered under this task type. */
export class UnknownTaskTypeError extends RedoError {
  override readonly name = 'UnknownTaskTypeError';
}

/** The tables are not there: the migrations were not run on this database. */
export class MissingTablesError extends RedoError {
  override readonly name = 'MissingTablesError';
}

/** The database did not answer in time, or no connection of the pool became free in time. */
export class DatabaseTimeoutError extends RedoError {
  override readonly name = 'DatabaseTimeoutError';
}
