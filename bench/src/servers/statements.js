const LOCKS = /\b(FOR\s+(NO\s+KEY\s+)?UPDATE|FOR\s+(KEY\s+)?SHARE|LOCK\s+IN|GET_LOCK|pg_(try_)?advisory)/i;
const READS = /^\s*\(*\s*(SELECT|WITH|SHOW)\b/i;

/**
 * Statements by kind: those that read, those that lock what they read, all the others (writes, and what begins and ends
 * transactions).
 *
 * @param {readonly { text: string, number: number }[]} sent
 */
export function sorted(sent) {
  const found = { statements: 0, reads: 0, locking: 0, others: 0 };
  for (const { text, number } of sent) {
    found.statements += number;
    if (LOCKS.test(text)) found.locking += number;
    else if (READS.test(text)) found.reads += number;
    else found.others += number;
  }
  return found;
}
