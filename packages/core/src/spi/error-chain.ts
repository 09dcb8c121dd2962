/** No chain is longer than this, or it is a circle. */
const longest = 10;

/**
 * An error, its cause, the cause of that and so on, outermost first. What is no object ends it. Of
 * `E` every member is `unknown`: nothing is known of them but their names.
 */
export function* errorChain<E extends object>(error: unknown): Generator<E> {
  let each = error;
  for (let depth = 0; depth < longest && typeof each === "object" && each !== null; depth++) {
    yield each as E;
    each = (each as { readonly cause?: unknown }).cause;
  }
}
