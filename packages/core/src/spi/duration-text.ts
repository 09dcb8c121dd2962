/** No longer than some three hundred years: nobody asks for more. */
const wholeNumber = /^\d{1,13}$/;

/**
 * How long a message has still to wait, as it carries that: whole milliseconds, and one more, since
 * the clock that says when it begins cuts off what is below one.
 */
export function durationText(ms: number): string {
  return String(Math.ceil(Math.max(0, ms)) + 1);
}

/** Reads a number of milliseconds, `undefined` where it is none. */
export function durationIn(value: unknown): number | undefined {
  return wholeNumber.test(String(value)) ? Number(value) : undefined;
}
