import type { Ending, Part } from './cast.js';

/** How the story of one order ended. */
export interface Ended {
  readonly part: Part;
  /** `null`: there is no such order. */
  readonly orderId: number | null;
  readonly ending: Ending | 'UNCLEAR';
  readonly attempts: number | null;
  readonly partnerKnows: boolean;
}

export const isAsTold = ({ part, ending, partnerKnows }: Ended) =>
  ending === part.ending && partnerKnows === (ending === 'NOTIFIED' || ending === 'RECOVERED');

/** What became of each order's redo task. */
export function report(ended: readonly Ended[]): string {
  return `
What became of each order's redo task:

${table(['order', 'partner', 'item', 'ended', 'attempts', 'partner knows', 'why'], ended.map(cellsOf))}

A task that succeeded is deleted. A dead one stays, with its parameters and errors, until a person decides:
RedoManager.retry(id) tries it again. The policy is in sample-app/orders/partner-notifier.ts.

${ended.every(isAsTold) ? 'Everything ended as it should.' : 'NOT everything ended as it should: see "expected".'}
To try it by hand: npm start -- --serve`;
}

const cellsOf = (ended: Ended) => [
  String(ended.orderId ?? '-'),
  ended.part.order.partner,
  ended.part.order.item,
  ended.ending,
  String(ended.attempts ?? '-'),
  ended.partnerKnows ? 'yes' : 'no',
  isAsTold(ended) ? ended.part.why : `expected ${ended.part.ending}: ${ended.part.why}`,
];

/** Columns as wide as their longest cell. */
function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `  ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('   ')}`.trimEnd();
  const rule = line(widths.map((width) => '─'.repeat(width)));
  return [line(header), rule, ...rows.map(line)].join('\n');
}
