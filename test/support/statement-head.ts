/** A statement in short, to be read and compared: what it does to which tables, and whether it locks them. */
export function headOf(text: string): string {
  const words = text
    .replace(/\/\*M?!\d*|\*\/|;/g, ' ')
    .trim()
    .split(/\s+/);
  const tables = [...new Set(text.match(/\btbl_\w+/g))];
  if (tables.length === 0) return words.slice(0, 2).join(' ');
  return `${words[0]} ${tables.join(', ')}${/\bFOR UPDATE\b/.test(text) ? ' FOR UPDATE' : ''}`;
}
