/** Stream entry ids are `<milliseconds>-<sequence>`, both unsigned 64-bit numbers. */

const largest = 18446744073709551615n;

/** The id just before this one, because Redis reads from after an id. `undefined`: not an id. */
export function before(id: string): string | undefined {
  const parts = /^(\d{1,20})-(\d{1,20})$/.exec(id);
  if (parts === null) return undefined;
  const ms = BigInt(parts[1] as string);
  const sequence = BigInt(parts[2] as string);
  if (ms > largest || sequence > largest) return undefined;
  if (sequence > 0n) return `${ms}-${sequence - 1n}`;
  return ms === 0n ? "0-0" : `${ms - 1n}-${largest}`;
}

/** The last id that can have been given before this time (milliseconds since the epoch). */
export function beforeTime(timestamp: number): string {
  return before(`${Math.max(0, Math.floor(timestamp))}-0`) as string;
}

/** When Redis gave this id. */
export function timeOf(id: string): number {
  const ms = Number.parseInt(id, 10);
  return Number.isSafeInteger(ms) ? ms : 0;
}
