/** One line a turn, as it goes. */
export class Progress {
  #start = performance.now();

  say(axis, which, contestant, settings) {
    const seconds = ((performance.now() - this.#start) / 1_000).toFixed(0).padStart(5);
    const tried = settings ? ` ${JSON.stringify(settings)}` : '';
    process.stderr.write(`${seconds} s  ${axis.id.padEnd(3)}${which.padEnd(6)}${contestant.label}${tried}: `);
  }

  tell(axis, { value, usage, done, repeats, disturbed }) {
    const each = (ms) => (ms === undefined ? '?' : `${((ms * 1_000) / Math.max(1, done)).toFixed(0)}`);
    const cpu = `CPU µs a task: client ${each(usage.client)}, server ${each(usage.server)}`;
    const others = `others ${(usage.others * 100).toFixed(0)} %`;
    const again = repeats > 0 ? `, repeated ${repeats} ×` : '';
    process.stderr.write(
      `${round(value)} ${axis.unit} (${cpu}; ${others}${again}${disturbed ? ', DISTURBED' : ''})\n`,
    );
  }

  tellTrial(axis, value) {
    process.stderr.write(`${round(value)} ${axis.unit}\n`);
  }

  tellFailure(message) {
    process.stderr.write(`FAILED: ${message}\n`);
  }
}

export const round = (value) =>
  value === undefined || Number.isNaN(value)
    ? '?'
    : value >= 100
      ? Math.round(value).toLocaleString('en-GB')
      : value.toPrecision(3);
