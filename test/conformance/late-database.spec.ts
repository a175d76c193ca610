import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ScheduleModule } from '@nestjs/schedule';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { RedoEvents, RedoHandlerRegistry, RedoManager, RedoModule, RedoTask } from 'nestjs-redo';
import { forEachServer } from '../support/databases.js';
import { createRedoDatabase, startApp } from '../support/redo-app.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { type TestDatabase } from '../support/test-database.js';
import { waitFor } from '../support/wait-for.js';

// A SQLite file is either there or not; TypeORM creates it.
forEachServer((database) => {
  describe('a database that is down at start and comes up later', () => {
    let schema: TestDatabase;
    let proxy: TcpProxy;

    beforeEach(async () => {
      schema = await createRedoDatabase(database);
      proxy = await startTcpProxy(schema.url);
    });
    afterEach(async () => {
      await proxy.close();
      await schema.drop();
    });

    test('is waited for by TypeORM where it never answered', async () => {
      proxy.cut();
      const patient = { ...proxy.address, retryAttempts: 1_000, retryDelay: 20 };
      const starting = startApp(schema, { handlers: { notify: () => {} }, dataSource: patient });
      await proxy.heal();
      const app = await starting;
      await app.told('succeeded', (await app.redo.addRedoTask('notify', 1)).id);
      await app.close();
    });

    test('is waited for by the engine where it went away again: the application starts', async () => {
      const module = await Test.createTestingModule({
        imports: [
          TypeOrmModule.forRoot(schema.options(proxy.address)),
          ScheduleModule.forRoot(),
          RedoModule.forRoot('order-service', { schedule: { interval: 3_600_000 } }),
        ],
      })
        .setLogger({ log() {}, error() {}, warn() {} })
        .compile();
      const ran: unknown[] = [];
      module
        .get(RedoHandlerRegistry)
        .register(RedoTask.define('notify'), (params: unknown) => void ran.push(params));
      const events = module.get(RedoEvents);
      const failures: number[] = [];
      const recovered: number[] = [];
      events.on('trouble', (event) => failures.push(event.failures));
      events.on('recovered', (event) => recovered.push(event.failures));

      proxy.cut();
      await module.init();
      await waitFor(() => failures.length >= 3, { what: 'three failed tries' });
      expect(failures.slice(0, 3)).toEqual([1, 2, 3]);
      await expect(module.get(RedoManager).addRedoTask('notify', 'while it is down')).rejects.toThrow();
      await proxy.heal();
      await waitFor(() => recovered.length === 1, { what: 'recovery' });
      await module.get(RedoManager).addRedoTask('notify', 'now');
      await waitFor(() => ran.length > 0, { what: 'the task to run' });
      expect(ran).toEqual(['now']);
      await module.close();
    });
  });
});
