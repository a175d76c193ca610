/** Where TypeORM and the drivers hang a statement's values, or the whole row that it would have written. */
const REVEALING = ['parameters', 'sql', 'detail', 'where', 'internalQuery'];

/**
 * The same error without the values of its statement, which are parameters of tasks: many loggers print all that an error
 * has. `query` stays, the statement's text with its placeholders.
 */
export function withoutValues(error: unknown): unknown {
  const seen = error as { driverError?: unknown } | null;
  for (const each of [seen, seen?.driverError])
    if (typeof each === 'object' && each !== null)
      for (const name of REVEALING) Reflect.deleteProperty(each, name);
  return error;
}
