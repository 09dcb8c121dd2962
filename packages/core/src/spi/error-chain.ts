/** No chain is longer than this, or it is a circle. */
const longest = 10;

/**
 * An error, its cause, the cause of that and so on, outermost first. What is no object ends it. Of
 * `E` every member is `unknown`: nothing is known of them but their names.
 */
export function* errorChain<E extends object>(error: unknown): Generator<E> {
  let link = error;
  for (let depth = 0; depth < longest && typeof link === "object" && link !== null; depth++) {
    yield link as E;
    link = (link as { readonly cause?: unknown }).cause;
  }
}
