import { isThenable, promised } from "./thenable.ts";

/**
 * What an application's callback answered, where a promise is a mistake: taken for the answer it
 * would count as true, and its failure would end the process.
 * @throws TypeError for a promise of any make
 */
export function atOnce<T>(answer: T): T {
  if (!isThenable(answer)) return answer;
  // Nobody else will hear of its failure.
  promised(answer).catch(() => {});
  throw new TypeError("it answered with a promise, and must answer at once");
}
