/**
 * Runs the application under faults and judges what it did:
 *
 *   npm run chaos -- --database mysql --minutes 2 --seed 7
 *
 * Without a database: all of them, one after the other. The exit code is 1 when a promise did not hold.
 */
import { randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startKeeper } from '../support/keeper.js';
import { ServerUnavailable } from '../support/servers.js';
import { publishTestRun } from '../support/test-run.js';
import { isCi } from '../support/wanted-databases.js';
import { chaosRun, type ChaosView } from './chaos-run.js';
import { type Command, commandOf } from './command-line.js';
import { finalLedger, progress } from './report.js';
import { judge } from './verdict/verdict.js';

const PROGRESS_EVERY = 5_000;

async function run({ databases, minutes, seed, short, keep }: Command): Promise<boolean> {
  let sound = true;
  for (const database of databases) {
    const repeat = `--database ${database} ${short ? '--short' : `--minutes ${minutes}`} --seed ${seed}`;
    console.log(`chaos on ${database}, seed ${seed}; to repeat it: npm run chaos -- ${repeat}`);
    let timer: NodeJS.Timeout | undefined;
    const show = (view: ChaosView) => {
      const started = performance.now();
      console.log(`  ${database} ${view.arena.version}`);
      timer = setInterval(() => console.log(progress(view, performance.now() - started)), PROGRESS_EVERY);
    };
    const options = { database, seed, lasts: minutes * 60_000, longestFault: short ? 4_000 : Infinity };
    const outcome = await chaosRun(options, show)
      .catch((error: Error) => leaveOut(error, databases.length > 1))
      .finally(() => clearInterval(timer));
    if (!outcome) continue;
    const verdict = judge(outcome.evidence);
    console.log(finalLedger(outcome.evidence, verdict));
    sound &&= verdict.violations.length === 0;
    if (verdict.violations.length === 0 && !keep) continue;
    const file = join(tmpdir(), `chaos-${database}-${seed}-${process.pid}.json`);
    writeFileSync(file, JSON.stringify(outcome, setsAsLists, 1));
    console.log(`  all that is known of it: ${file}`);
  }
  console.log(sound ? `chaos, seed ${seed}: every promise held` : `chaos, seed ${seed}: PROMISES BROKEN`);
  return sound;
}

/** A server that this machine does not have is left out where all were asked for, unless nobody watches. */
function leaveOut(error: Error, others: boolean): undefined {
  if (!(error instanceof ServerUnavailable) || !others || isCi()) throw error;
  console.log(`  LEFT OUT: ${error.message}`);
}

const setsAsLists = (_: string, value: unknown) =>
  value instanceof Set ? [...(value as Set<unknown>)] : value;

const command = commandOf(process.argv.slice(2), () => randomInt(1_000_000));
const keeper = await startKeeper();
const directory = join(keeper.directory, 'files');
await mkdir(directory);
publishTestRun({ id: `chaos${process.pid}`, directory, databases: [], leftOut: [] });
const sound = await run(command).finally(() => keeper.close());
process.exit(sound ? 0 : 1);
