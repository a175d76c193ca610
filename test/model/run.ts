import { parseArgs } from 'node:util';
import { explore } from './explorer.js';
import { protocol } from './protocol.js';
import { ALL_RULES } from './rules.js';
import { NO_FAULTS, type Outcome } from './state.js';

/**
 * Explores the model with any limits: `npm run model -- --workers 3 --kills 1`, or without one of its rules:
 * `npm run model -- --lapses 1 --without fence`.
 */
const number = { type: 'string' } as const;
const sizes = { workers: number, tasks: number, maxAttempts: number, concurrency: number, batch: number };
const limits = Object.fromEntries(Object.keys(NO_FAULTS).map((name) => [name, number]));
const { values } = parseArgs({
  options: {
    ...sizes,
    ...limits,
    outcomes: number,
    keeps: { type: 'boolean' },
    without: { type: 'string', multiple: true },
  },
});

const without = values.without ?? [];
for (const rule of without)
  if (!(rule in ALL_RULES))
    throw new Error(`no rule '${rule}'; there are ${Object.keys(ALL_RULES).join(', ')}`);
const given = (names: object) =>
  Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (name in names ? [[name, Number(value)]] : [])),
  );
const outcomes = values.outcomes ? { outcomes: values.outcomes.split(',') as Outcome[] } : {};
const rules = Object.fromEntries(without.map((rule) => [rule, false]));

const { keeps = false } = values;
const found = explore(protocol(given(NO_FAULTS), { ...given(sizes), ...outcomes, keeps }, rules));
const { user } = process.cpuUsage();
process.stdout.write(
  `${found.counterExample?.join('\n') ?? 'every promise is kept, and all tasks can end, from every state'}\n` +
    `${found.states} states, ${found.steps} steps, at most ${found.depth} from the first; ${Math.round(user / 1e6)} s\n`,
);
process.exitCode = found.counterExample ? 1 : 0;
