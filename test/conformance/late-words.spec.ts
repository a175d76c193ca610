import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { forEachServer } from '../support/databases.js';
import { createRedoDatabase, gate, startApp, type TestApp } from '../support/redo-app.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { type TestDatabase } from '../support/test-database.js';
import { waitFor } from '../support/wait-for.js';

/** A third of it passes between two renewals, a quarter until an answer is not waited for any more. */
const LEASE = 3_000;

forEachServer((database) => {
  let schema: TestDatabase;
  let proxy: TcpProxy;
  const apps: TestApp[] = [];

  beforeAll(async () => {
    schema = await createRedoDatabase(database);
    proxy = await startTcpProxy(schema.url);
  });
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()));
    for (const table of ['tbl_redotask', 'tbl_redo_worker']) await schema.query(`DELETE FROM ${table}`);
  });
  afterAll(async () => {
    await proxy.close();
    await schema.drop();
  });

  describe('a renewal that the network delivers late, long after it was given up', () => {
    test('does not undo what its worker has written since: what runs there begins nowhere else', async () => {
      const { passed, open } = gate();
      const app = await startApp(schema, {
        handlers: { job: () => passed },
        options: { lease: LEASE },
        dataSource: proxy.address,
      });
      apps.push(app);
      await waitFor(async () => (await app.redo.workers()).length === 1, { what: 'the worker' });
      const renewal = await proxy.makeLate('UPDATE tbl_redo_worker');
      expect(await app.told('trouble')).toMatchObject({ doing: 'renew the lease' });

      const { id } = await app.redo.addRedoTask('job', {});
      await app.told('started', id);
      await renewal.arrive();
      const heir = await startApp(schema, { handlers: { job: () => {} }, options: { lease: LEASE } });
      apps.push(heir);
      await heir.redo.redrive();
      expect(heir.all('started')).toEqual([]);
      expect((await heir.redo.get(id))?.worker).toMatchObject({ state: 'RUNNING' });

      open();
      await app.told('succeeded', id);
      expect(app.all('leaseLost')).toEqual([]);
    });
  });
});
