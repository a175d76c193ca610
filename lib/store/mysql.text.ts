import type { SqlValue } from './sql.js';

/**
 * The MySQL drivers write values into the statement's text and escape them by backslashes. Where the session's `sql_mode`
 * has NO_BACKSLASH_ESCAPES such a value ends its quotes early, and the rest of it is SQL; and each connection of the
 * application may have another mode. So no text of ours is left to be escaped.
 */
export const forMysql = (value: SqlValue): unknown =>
  typeof value === 'string' ? new MysqlText(value) : value;

/** Printable ASCII that no mode and no character set reads as anything but itself between quotes. */
const PLAIN = /^[ -&(-[\]-~]*$/;

/** A text that brings its own form into the statement: quoted as it is, or in hexadecimal. */
class MysqlText extends String {
  /** The drivers ask for this instead of escaping. All forms have one collation, so that they may stand side by side. */
  toSqlString(): string {
    const text = this.toString();
    return PLAIN.test(text) ? `_utf8mb4'${text}'` : `_utf8mb4 X'${Buffer.from(text).toString('hex')}'`;
  }
}
