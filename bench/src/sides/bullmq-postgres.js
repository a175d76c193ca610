import { createPostgresBackend } from 'bullmq';
import { bullmq } from './bullmq.js';

/** BullMQ's optional backend, new in version 6: the same interface on PostgreSQL. */
export default bullmq({
  name: 'bullmq-postgres',
  stores: ['postgres'],
  connect: (url) => ({
    connection: { connectionString: url },
    preparing: { connectionString: url, migrate: true },
    backend: [createPostgresBackend],
  }),
});
