/** ms. Short, so that much happens in a minute; every wait of the engine is a part of it. */
export const LEASE = 3_000;

export const APPLICATION = 'chaos-service';

/** Worker processes. */
export const WORKERS = 3;

/** Connections in a worker's pool. */
export const POOL_SIZE = 5;

/** How long a stopping worker waits for its handlers, ms. */
export const SHUTDOWN_TIMEOUT = 1_500;
