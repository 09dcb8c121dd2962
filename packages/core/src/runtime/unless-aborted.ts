/**
 * The promise, or a rejection as soon as the signal fires (by default with its reason):
 * what does not heed its signal keeps nobody waiting. What comes too late goes to `discard`.
 */
export function unlessAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal,
  discard: (late: T) => void = () => {},
  reasonOf: (signal: AbortSignal) => unknown = ({ reason }) => reason,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let over = false;
    const onAbort = () => {
      over = true;
      reject(reasonOf(signal));
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
    promise.then(
      (value) => {
        signal.removeEventListener("abort", onAbort);
        if (over) discard(value);
        else resolve(value);
      },
      (cause) => {
        signal.removeEventListener("abort", onAbort);
        reject(cause);
      },
    );
  });
}
