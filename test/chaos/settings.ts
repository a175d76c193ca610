/** ms. Short, so that much happens in a minute; every wait of the engine is a part of it. */
export const LEASE = 3_000;

export const APPLICATION = 'chaos-service';

/** Worker processes. */
export const WORKERS = 3;

/** Connections in a worker's pool. */
export const POOL_SIZE = 5;
/** pg's pool can't be closed while it opens a connection, and a network that is half-open never answers; mysql2's default, ms. */
export const CONNECT_TIMEOUT = 10_000;

/** How long a stopping worker waits for its handlers, ms. */
export const SHUTDOWN_TIMEOUT = 1_500;
