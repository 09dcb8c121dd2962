import { deadLetterHeaders } from "../spi/dead-letter-headers.ts";
import type { Headers } from "../spi/message.ts";

/** So many runs are remembered on a message: as many as could be under way at once, and then some. */
const mostMarks = 10;
const markLength = 8;

/**
 * The runs that have had this message in hand, oldest first. The mark stays on it when it fails
 * again, so that no run brings it back twice, and runs at once do not pass it to each other for ever.
 */
export function runsOf(headers: Headers): readonly string[] {
  const text = headers[deadLetterHeaders.redriveRun] ?? "";
  return text.split(",", mostMarks).filter((each) => each.length === markLength);
}

/** The header's value after one more run. */
export function withRun(headers: Headers, run: string): string {
  return [...runsOf(headers).filter((each) => each !== run), run].slice(-mostMarks).join(",");
}

/** The name of a new run, from one of 22 random characters. */
export function runName(random: string): string {
  return random.slice(-markLength);
}
