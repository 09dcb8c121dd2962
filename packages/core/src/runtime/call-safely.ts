/**
 * Calls something that was given by an application: what it throws, at once or as a promise that
 * rejects, goes to `onThrow` and nowhere else. What `onThrow` itself throws is dropped.
 */
export function callSafely(call: () => unknown, onThrow: (thrown: unknown) => void): void {
  const told = (thrown: unknown) => {
    try {
      onThrow(thrown);
    } catch {
      // There is nobody left to tell.
    }
  };
  try {
    const result = call();
    if (typeof result === "object" && result !== null && "then" in result) {
      Promise.resolve(result).then(undefined, told);
    }
  } catch (thrown) {
    told(thrown);
  }
}
