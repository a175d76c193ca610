import { Job } from 'sidequest';

let handle = () => {};

export const setHandle = (given) => {
  handle = given;
};

/** In a file of its own: by default sidequest imports it in threads, where the handler is the empty one above. */
export class BenchJob extends Job {
  async run(params) {
    await handle(params);
  }
}
