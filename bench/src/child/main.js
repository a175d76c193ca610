/**
 * The process of one side: opens it and does what the harness says, one operation after the other.
 *
 *   messages in:  { id, operation, args }     messages out: { id, result } or { id, error }
 */
import { loadSide } from '../sides/index.js';
import { Counter } from './counter.js';
import * as operations from './operations.js';

const counter = new Counter();
let queue;

const lifecycle = {
  async prepare({ side, place }) {
    await (await loadSide(side)).prepare(place);
  },
  async open({ side, place }) {
    queue = await (await loadSide(side)).open(place, (params) => counter.handle(params));
  },
  async close() {
    await queue.close();
  },
};

process.on('message', ({ id, operation, args }) => {
  const does = lifecycle[operation] ?? ((given) => operations[operation](queue, counter, given));
  does(args).then(
    (result) => process.send({ id, result }),
    (error) => process.send({ id, error: error?.stack ?? String(error) }),
  );
});
process.on('disconnect', () => process.exit());
process.send({ id: 0 });
