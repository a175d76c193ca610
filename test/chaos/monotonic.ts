/**
 * Microseconds of the host's monotonic clock. All processes of a host read the same one, whatever their wall clocks say, so that
 * what two of them wrote down can be put in order.
 */
export const monotonic = (): number => Number(process.hrtime.bigint() / 1_000n);

export const inMicroseconds = (ms: number): number => ms * 1_000;

export const inSeconds = (microseconds: number): string => `${(microseconds / 1_000_000).toFixed(1)} s`;
