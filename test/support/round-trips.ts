import { type EventEmitter } from 'node:events';
import { type DataSource } from 'typeorm';

/** How often an application has asked its server for something until now, whatever way it took. */
export type RoundTrips = () => Promise<number>;

/** For an application whose pool has one connection. */
export function roundTripsOf(dataSource: DataSource): RoundTrips {
  return dataSource.options.type === 'postgres' ? countedByDriver(dataSource) : countedByServer(dataSource);
}

/** The server counts for each session; the asking for it is left out. */
function countedByServer(dataSource: DataSource): RoundTrips {
  let asked = 0;
  return async () => {
    asked += 1;
    const [row] = await dataSource.query<[{ Value: string }]>(`SHOW SESSION STATUS LIKE 'Questions'`);
    return Number(row.Value) - asked;
  };
}

interface PostgresClient {
  query: (...args: unknown[]) => unknown;
}

function countedByDriver({ driver }: DataSource): RoundTrips {
  const { master: pool } = driver as unknown as { master: EventEmitter };
  const listenedTo = new WeakSet<PostgresClient>();
  let asked = 0;
  pool.on('acquire', (client: PostgresClient) => {
    if (listenedTo.has(client)) return;
    listenedTo.add(client);
    const query = client.query.bind(client);
    client.query = (...args) => {
      asked += 1;
      return query(...args);
    };
  });
  return () => Promise.resolve(asked);
}
