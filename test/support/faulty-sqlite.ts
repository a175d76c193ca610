import { type Faults } from './faults.js';
import { sqliteDriver } from './sqlite-driver.js';

/** SQLite's driver, of which the engine's own connection fails where a fault is to happen. */
export function faultySqlite(faults: Faults): unknown {
  return class extends sqliteDriver() {
    declare readonly inTransaction: boolean;

    override exec(text: string) {
      return this.befall(text, () => super.exec(text));
    }

    override prepare(text: string) {
      const statement = super.prepare(text);
      return {
        reader: statement.reader,
        all: (...params: unknown[]) => this.befall(text, () => statement.all(...params)),
        run: (...params: unknown[]) => this.befall(text, () => statement.run(...params)),
      };
    }

    private befall<T>(text: string, run: () => T): T {
      if (text.startsWith('BEGIN')) faults.begin();
      const fault = faults.meet(text);
      if (fault === 'fails') throw new Error('the disk does not answer');
      const answer = run();
      if (fault === undefined) return answer;
      // What SQLite does with the file of a process that is gone.
      if (this.inTransaction) super.exec('ROLLBACK');
      if (fault === 'is the last') faults.die();
      throw new Error('the disk does not answer');
    }
  };
}
