import type { SqlValue } from './sql.js';

/**
 * The MySQL drivers write values into the statement's text and escape them by backslashes. Where the session's `sql_mode`
 * has NO_BACKSLASH_ESCAPES such a value ends its quotes early, and the rest of it is SQL; and each connection of the
 * application may have another mode. So no text of ours is left to be escaped.
 */
export const forMysql = (value: SqlValue): unknown =>
  typeof value === 'string' ? new MysqlText(value) : value;

/** Printable ASCII: but for its quotes and backslashes no mode and no character set reads it as anything but itself. */
const PRINTABLE = /^[ -~]*$/;
/** One that a text does not have stands for its backslashes. */
const STAND_INS = ['^', '`', '|', '~'] as const;
const BACKSLASH = "_utf8mb4 X'5C'";

/** A text that brings its own form into the statement: in quotes if it can be, or in hexadecimal, which is twice as long. */
class MysqlText extends String {
  /** The drivers ask for this instead of escaping. All forms have one collation, so that they may stand side by side. */
  toSqlString(): string {
    const text = this.toString();
    if (!PRINTABLE.test(text)) return inHexadecimal(text);
    if (!text.includes('\\')) return quoted(text);
    const standIn = STAND_INS.find((character) => !text.includes(character));
    if (!standIn) return inHexadecimal(text);
    return `REPLACE(${quoted(text.replaceAll('\\', standIn))}, ${quoted(standIn)}, ${BACKSLASH})`;
  }
}

const inHexadecimal = (text: string): string => `_utf8mb4 X'${Buffer.from(text).toString('hex')}'`;

/** A quote within quotes is written twice, in every mode. */
const quoted = (text: string): string => `_utf8mb4'${text.replaceAll("'", "''")}'`;
