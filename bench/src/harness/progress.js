/** A line or several a turn, as it goes. */
export class Progress {
  #start = performance.now();

  /** @param {readonly { axis: object, entry: object }[]} due what one contestant takes part in */
  say(due, which) {
    const seconds = ((performance.now() - this.#start) / 1_000).toFixed(0).padStart(5);
    const ids = [...new Set(due.map(({ axis }) => axis.id))].join(' ');
    process.stderr.write(`${seconds} s  ${ids} ${which} ${due[0].entry.contestant.label}: `);
  }

  tell(due) {
    const told = due.filter(({ entry }) => entry.failure === undefined);
    const isOfOneAxis = new Set(due.map(({ axis }) => axis)).size === 1;
    if (due.length > 1) process.stderr.write('\n');
    for (const { axis, entry } of told) {
      const what = isOfOneAxis ? JSON.stringify(entry.settings) : axis.id;
      const name = due.length > 1 ? `         ${what}: ` : '';
      process.stderr.write(`${name}${inWords(axis, entry.runs.at(-1))}\n`);
    }
  }

  tellFailure(message) {
    process.stderr.write(`FAILED: ${message}\n`);
  }
}

function inWords({ unit }, { value, usage, done, repeats, disturbed }) {
  const each = (ms) => (ms === undefined ? '?' : `${((ms * 1_000) / Math.max(1, done)).toFixed(0)}`);
  const cpu = `CPU µs a task: client ${each(usage.client)}, server ${each(usage.server)}`;
  const others = `others ${(usage.others * 100).toFixed(0)} %`;
  const again = repeats > 0 ? `, repeated ${repeats} ×` : '';
  return `${round(value)} ${unit} (${cpu}; ${others}${again}${disturbed ? ', DISTURBED' : ''})`;
}

export const round = (value) =>
  value === undefined || Number.isNaN(value)
    ? '?'
    : value >= 100
      ? Math.round(value).toLocaleString('en-GB')
      : value.toPrecision(3);
