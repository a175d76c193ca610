/**
 * Between DATETIME in the server's time zone and epoch milliseconds, by the server itself.
 *
 * UNIX_TIMESTAMP and FROM_UNIXTIME know the zone's rules but end in 2038 on MariaDB before 11.5 (and at 3001 on
 * MySQL), while '2099-12-31' and '9999-12-31' are usual ways to say "never". So a date outside 1971–2037 is
 * moved by a multiple of 28 years into 2010–2037, where weekdays and leap years fall alike, converted there, and
 * moved back.
 */

/** For the database's now in epoch milliseconds. NOW() through UNIX_TIMESTAMP is ambiguous when DST ends. */
export const NOW_MILLIS = `TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000`;

/** An expression: `column`, a DATETIME in the server's zone, as epoch ms; NULL where it holds no date. */
export function millisOfDatetime(column: string): string {
  const years = `INTERVAL ${yearsToConvertible(column)} YEAR`;
  return `CASE
      WHEN MONTH(${column}) = 0 OR DAYOFMONTH(${column}) = 0 THEN NULL -- '0000-00-00' and its like
      ELSE 1000 * (
        UNIX_TIMESTAMP(${column} - ${years})
        + TIMESTAMPDIFF(SECOND, ${column} - ${years}, ${column})
      )
    END`;
}

/** An expression: `column`, in epoch ms, as DATETIME in the server's zone; NULL beyond the year 9999. */
export function datetimeOfMillis(column: string): string {
  const utc = `('1970-01-01 00:00:00' + INTERVAL (${column} DIV 1000) SECOND)`;
  const convertible = `(${utc} - INTERVAL ${yearsToConvertible(utc)} YEAR)`;
  const local = `FROM_UNIXTIME(TIMESTAMPDIFF(SECOND, '1970-01-01 00:00:00', ${convertible}))`;
  return `${utc} + INTERVAL TIMESTAMPDIFF(SECOND, ${convertible}, ${local}) SECOND`;
}

function yearsToConvertible(datetime: string): string {
  const year = `CAST(YEAR(${datetime}) AS SIGNED)`; // MySQL's YEAR() is unsigned
  return `(CASE WHEN ${year} BETWEEN 1971 AND 2037 THEN 0 ELSE FLOOR((${year} - 2010) / 28) * 28 END)`;
}
