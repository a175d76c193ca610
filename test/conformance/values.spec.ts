import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { InvalidRedoTaskError, RedoResult, UnknownTaskTypeError } from 'nestjs-redo';
import { forEachDatabase } from '../support/databases.js';
import { HOSTILE_TEXTS, UNRULY_TEXTS } from '../support/hostile-text.js';
import { createRedoDatabase, rowOf, startApp, type TestApp } from '../support/redo-app.js';
import { inSqlMode, SQL_MODES } from '../support/sql-mode.js';
import { type TestDatabase } from '../support/test-database.js';
import { waitFor } from '../support/wait-for.js';

const HOUR = 3_600_000;
const definition = {};
/** What a text column of UTF-8 holds of it. */
const stored = (text: string) => text.replace(/[\0\p{Cs}]/gu, '\uFFFD');

forEachDatabase((database) => {
  const modes = [undefined, ...(SQL_MODES[database.kind] ?? [])];
  const nameOf = (mode?: string) => (mode === undefined ? 'as the server is set' : `in sql_mode '${mode}'`);

  describe.each(modes.map((mode) => [nameOf(mode), mode] as const))(
    'every value reaches SQL as a parameter, %s:',
    (_, mode) => {
      let schema: TestDatabase;
      let app: TestApp;
      let canary: number;
      const start = async (settings: Parameters<typeof startApp>[1] = {}) => {
        const dataSource = mode === undefined ? {} : inSqlMode(mode);
        app = await startApp(schema, { dataSource, ...settings });
        return app;
      };

      beforeAll(async () => {
        schema = await createRedoDatabase(database);
        const other = await startApp(schema, {
          applicationName: 'canary',
          handlers: { sing: definition },
          options: { worker: false },
        });
        canary = (await other.redo.addRedoTask('sing', 'la', { delay: HOUR })).id;
        await other.redo.pause('sing');
        await other.close();
      });
      afterEach(async () => {
        await app.close();
        // Nobody else's row was changed or deleted, and the tables are there.
        expect(await rowOf(schema, canary)).toMatchObject({ application_name: 'canary', status: 'PENDING' });
        const pauses = await schema.query('SELECT redo_task_id FROM tbl_redo_pause');
        expect(pauses).toContainEqual({ redo_task_id: 'sing' });
        await schema.query('DELETE FROM tbl_redotask WHERE id <> ?', [canary]);
        await schema.query('DELETE FROM tbl_redo_worker');
        await schema.query('DELETE FROM tbl_redo_pause WHERE redo_task_id <> ?', ['sing']);
      });
      afterAll(() => schema.drop());

      test('the server really reads statements so', async () => {
        await start();
        if (mode === undefined) return;
        const [row] = await app.dataSource.query<{ mode: string }[]>('SELECT @@SESSION.sql_mode AS mode');
        for (const part of mode.split(',')) expect(row!.mode).toContain(part);
      });

      test('task type ids', async () => {
        const ran: unknown[] = [];
        const handle = (params: unknown) => void ran.push(params);
        await start({ handlers: Object.fromEntries(HOSTILE_TEXTS.map((id) => [id, handle])) });
        const ids = new Map<string, number>();
        for (const type of HOSTILE_TEXTS) {
          expect(await app.redo.pause(type)).toBe(true);
          const { id } = await app.redo.addRedoTask(type, { type });
          ids.set(type, id);
          expect(await rowOf(schema, id)).toMatchObject({ redo_task_id: type });
          expect((await app.redo.list({ redoTaskId: type })).map((task) => task.id)).toEqual([id]);
          expect(await app.redo.count({ redoTaskId: type })).toBe(1);
          expect(await app.redo.retry({ redoTaskId: type })).toBe(1);
        }
        await app.redo.redrive();
        const { types } = await app.redo.stats();
        expect(types.map(({ redoTaskId }) => redoTaskId)).toEqual([...HOSTILE_TEXTS].sort());
        for (const type of types) expect(type).toMatchObject({ pending: 1, running: 0, paused: true });
        expect(ran).toEqual([]);

        for (const type of HOSTILE_TEXTS) expect(await app.redo.resume(type)).toBe(true);
        await app.redo.redrive();
        expect(new Set(ran)).toEqual(new Set(HOSTILE_TEXTS.map((type) => ({ type }))));
        expect(ran).toHaveLength(HOSTILE_TEXTS.length);
        expect(app.all('trouble')).toEqual([]);
        expect(await app.redo.count()).toBe(0);
      });

      test.each([
        HOSTILE_TEXTS.slice(0, 14).join(' ').slice(0, 255),
        HOSTILE_TEXTS.slice(14).join(' ').slice(0, 255).trim(),
      ])('an application’s name (%#)', async (applicationName) => {
        await start({ applicationName, handlers: { notify: () => {} } });
        const { id } = await app.redo.addRedoTask('notify', 1, { delay: HOUR });
        expect(await rowOf(schema, id)).toMatchObject({ application_name: applicationName });
        expect((await app.redo.list()).map((task) => task.id)).toEqual([id]);
        await app.redo.redrive();
        await waitFor(async () => (await app.redo.workers()).length === 1, { what: 'its worker' });
        expect(await app.redo.retry({})).toBe(1);
        await app.told('succeeded', id);
      });

      test('dedupe keys, also of many tasks and in a transaction of the caller', async () => {
        await start({ handlers: { notify: definition } });
        for (const dedupeKey of [...HOSTILE_TEXTS, `\n'; --`, '\x1a\b\t', ' ']) {
          const one = await app.redo.addRedoTask('notify', 1, { dedupeKey });
          const other = await app.dataSource.transaction((manager) =>
            app.redo.addRedoTask('notify', 1, { dedupeKey, manager }),
          );
          expect(other).toEqual({ id: one.id, created: false });
          expect(await app.redo.list({ dedupeKey })).toMatchObject([{ id: one.id, dedupeKey }]);
        }
        await app.redo.discard({}, 'over');
        const added = await app.redo.addRedoTasks('notify', HOSTILE_TEXTS, { dedupeKey: (text) => text });
        for (const [index, { id, created }] of added.entries()) {
          expect(created).toBe(true);
          expect(await app.redo.get(id)).toMatchObject({ dedupeKey: HOSTILE_TEXTS[index] });
        }
      });

      test('parameters, exactly as they were given', async () => {
        const ran: unknown[] = [];
        await start({ handlers: { echo: (params: unknown) => void ran.push(params) } });
        const values = [...UNRULY_TEXTS, ...UNRULY_TEXTS.map((text) => ({ [text]: [text] }))];
        const nested = { toSqlString: "' OR 1=1", values: UNRULY_TEXTS.join('') };
        await app.dataSource.transaction(async (manager) => {
          await app.redo.addRedoTasks('echo', values, { manager });
          await app.redo.addRedoTask('echo', nested, { manager });
        });
        await app.redo.redrive();
        expect(ran).toHaveLength(values.length + 1);
        const texts = (all: unknown[]) => all.map((value) => JSON.stringify(value)).sort();
        expect(texts(ran)).toEqual(texts([...values, nested]));
      });

      test('error messages and reasons', async () => {
        const once = { maxAttempts: 1 };
        await start({
          handlers: {
            throws: { policy: once, handle: (text: string) => Promise.reject(new Error(text)) },
            fails: { policy: once, handle: (text: string) => RedoResult.failure(text) },
            discards: (text: string) => RedoResult.discard(text),
            waits: definition,
          },
          // As they are: what repeats a parameter would be masked.
          options: { concurrency: 100, redact: false },
        });
        await app.dataSource.transaction(async (manager) => {
          for (const type of ['throws', 'fails', 'discards'])
            await app.redo.addRedoTasks(type, UNRULY_TEXTS, { manager });
        });
        await app.redo.redrive();
        expect(app.all('trouble')).toEqual([]);
        const dead = await app.redo.list({ status: 'DEAD' }, { limit: 1_000 });
        expect(dead).toHaveLength(3 * UNRULY_TEXTS.length);
        for (const { redoTaskId, params, deadDetail, errors } of dead) {
          expect(deadDetail).toBe(stored(params as string));
          expect(errors.map(({ message }) => message)).toEqual(
            redoTaskId === 'discards' ? [] : [stored(params as string)],
          );
        }
        for (const reason of [...HOSTILE_TEXTS, `\n'; --`]) {
          const { id } = await app.redo.addRedoTask('waits', 1);
          expect(await app.redo.discard(id, reason)).toBe(1);
          expect(await app.redo.get(id)).toMatchObject({ deadDetail: reason });
        }
      });

      test('and what is no value for its place is refused before any SQL', async () => {
        await start({ handlers: { notify: definition } });
        const { redo } = app;
        await redo.addRedoTask('notify', 1);
        const evil = Object.assign(new String('notify'), { toSqlString: () => `'' OR 1=1` });
        const inject = "1' OR '1'='1";
        const refused: (() => Promise<unknown>)[] = [inject, ['1 OR 1=1'], evil, { id: 1 }].flatMap(
          (bad: unknown) => [
            () => redo.get(bad as never),
            () => redo.list({ ids: [bad] } as never),
            () => redo.list({ status: bad } as never),
            () => redo.list({ deadReason: bad } as never),
            () => redo.list({}, { before: bad } as never),
            () => redo.list({}, { limit: bad } as never),
            () => redo.list({}, { orderBy: bad } as never),
            () => redo.list({ [inject]: bad } as never),
            () => redo.count({ status: bad } as never),
            () => redo.retry({ ids: [bad] } as never),
            () => redo.retry({ [`status = 'DEAD' OR id`]: bad } as never),
            () => redo.discard({ deadReason: bad } as never, 'x'),
            () => redo.addRedoTask('notify', 1, { maxAttempts: bad } as never),
            () => redo.addRedoTask('notify', 1, { delay: bad } as never),
          ],
        );
        for (const bad of [evil, ['x'], { a: 1 }] as never[])
          refused.push(
            () => redo.list({ redoTaskId: bad }),
            () => redo.list({ dedupeKey: bad }),
            () => redo.addRedoTask('notify', 1, { dedupeKey: bad }),
            () => redo.discard({}, bad),
          );
        for (const bad of ['\0', 'a\ud800'])
          refused.push(
            () => redo.list({ redoTaskId: bad }),
            () => redo.list({ dedupeKey: bad }),
            () => redo.addRedoTask('notify', 1, { dedupeKey: bad }),
            () => redo.discard({}, bad),
          );
        for (const call of refused) await expect(call).rejects.toThrow(InvalidRedoTaskError);
        for (const call of [() => redo.pause(evil as never), () => redo.addRedoTask(evil as never, 1)])
          await expect(call).rejects.toThrow(UnknownTaskTypeError);
        // What is a value finds what has it: nothing.
        for (const text of HOSTILE_TEXTS) {
          expect(await redo.count({ redoTaskId: text })).toBe(0);
          expect(await redo.count({ dedupeKey: text })).toBe(0);
          expect(await redo.discard({ redoTaskId: text }, text)).toBe(0);
        }
        expect(await redo.count({ status: 'PENDING' })).toBe(1);
      });
    },
  );
});
