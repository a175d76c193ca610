import type { EventEmitter } from 'node:events';
import type { DataSource } from 'typeorm';

/**
 * `pg` tells of a lost connection by an 'error' event, and Node ends a process in which nobody listens to one. TypeORM begins
 * to listen only a turn of promises after the pool has handed a connection out: where the server's first word on it is also
 * its last (both come in one packet), that is too late. So each connection gets a listener before it is handed out.
 */
export function listenToConnections({ driver }: DataSource): void {
  const { master: pool } = driver as { master?: EventEmitter };
  if (!pool || listenedTo.has(pool)) return;
  listenedTo.add(pool);
  pool.on('acquire', (connection: EventEmitter) => {
    if (!connection.listeners('error').includes(leaveToOthers)) connection.on('error', leaveToOthers);
  });
}

const listenedTo = new WeakSet<EventEmitter>();

/** Whoever uses the connection learns of it by its next statement, and pool and TypeORM have listeners of their own. */
const leaveToOthers = () => {};
