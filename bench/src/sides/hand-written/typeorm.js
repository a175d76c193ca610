import mysql2 from 'mysql2';
import ours, { nest } from '../nestjs-redo.js';
import { ledgerOn } from './mysql.js';
import { handWritten } from './side.js';

/** The loop on what the library has to work on: the application's data source, with its pool and its query runners. */
export default handWritten({
  name: 'TypeORM by hand',
  package: 'typeorm',
  stores: ['mariadb', 'mysql'],
  prepare: ours.prepare,

  async connect({ url, store }) {
    const { DataSource } = await nest('typeorm');
    const dataSource = new DataSource({ type: store, url, driver: mysql2 });
    await dataSource.initialize();
    return {
      ledger: (type) => ledgerOn(connectionOf(dataSource), type),
      close: () => dataSource.destroy(),
    };
  },
});

/** Whichever connection of the pool is free, one for all of a transaction. */
function connectionOf(dataSource) {
  let open;
  const take = async () => {
    const runner = dataSource.createQueryRunner('master');
    await runner.connect();
    return runner;
  };
  const ask = async (runner, text, values) => [(await runner.query(text, values, true)).raw];
  const end = async (how) => {
    const runner = open;
    open = undefined;
    await runner[how]();
    await runner.release();
    return [];
  };
  return {
    async query(text, values) {
      if (text === 'COMMIT') return end('commitTransaction');
      if (text === 'ROLLBACK') return end('rollbackTransaction');
      if (open) return ask(open, text, values);
      const runner = await take();
      if (text !== 'START TRANSACTION') return ask(runner, text, values).finally(() => runner.release());
      await runner.startTransaction();
      open = runner;
      return [];
    },
    release() {},
  };
}
