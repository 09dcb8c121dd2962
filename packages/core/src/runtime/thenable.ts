/** Whether a value is to be awaited: a promise of any make. Never throws, whatever its `then` is. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
  try {
    return typeof (value as { readonly then?: unknown }).then === "function";
  } catch {
    return true;
  }
}

/**
 * Calls back once, as `await` would go on: what is a native promise already needs no other around it.
 * Throws what reading a strange `constructor` throws, and calls nothing back then.
 */
export function whenSettled(
  value: PromiseLike<unknown>,
  onFulfilled: () => void,
  onRejected: (reason: unknown) => void,
): void {
  void Promise.prototype.then.call(Promise.resolve(value), onFulfilled, onRejected);
}

/** A native promise of whatever it is. What a thenable throws is a rejection. */
export function promised<T>(value: T | PromiseLike<T>): Promise<T> {
  return new Promise((resolve) => resolve(value));
}
