/** What all handlers of a process do: nothing, but it is counted and can be replaced by what an axis wants. */
export class Counter {
  handled = 0;
  /** When the first of them began, on the clock that all processes of the machine share, ns. */
  firstAt = 0n;
  #target = Infinity;
  #reached = () => {};
  #act = () => undefined;

  handle(params) {
    if (this.handled === 0) this.firstAt = process.hrtime.bigint();
    this.handled += 1;
    if (this.handled === this.#target) this.#reached();
    return this.#act(params);
  }

  /** From here on handlers do this; what they return is awaited, what they throw fails the attempt. */
  reset(act = () => undefined) {
    this.handled = 0;
    this.firstAt = 0n;
    this.#act = act;
  }

  /** Resolves when so many have begun. */
  until(target) {
    if (this.handled >= target) return Promise.resolve();
    this.#target = target;
    return new Promise((resolve) => {
      this.#reached = resolve;
    });
  }
}
