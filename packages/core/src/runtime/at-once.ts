import { isThenable, promised } from "./thenable.ts";

/**
 * What an application's callback returned, where a promise is a mistake: taken for the result it
 * would count as true, and its failure would end the process.
 * @throws TypeError for a promise of any make
 */
export function atOnce<T>(result: T): T {
  if (!isThenable(result)) return result;
  // Nobody else will hear of its failure.
  promised(result).catch(() => {});
  throw new TypeError("it returned a promise, and must return at once");
}
