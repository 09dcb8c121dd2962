import { isTransient } from "./errors.ts";

/**
 * Does it again while what stands in the way is passing, as a hub that was just made
 * and is not known everywhere. `isOver` says that nobody waits for it any more.
 */
export async function patiently<T>(
  patienceMs: number,
  work: () => Promise<T>,
  isOver: () => boolean,
): Promise<T> {
  const deadline = Date.now() + patienceMs;
  for (let waitMs = 20; ; waitMs = Math.min(500, waitMs * 2)) {
    try {
      return await work();
    } catch (cause) {
      if (isOver() || !isTransient(cause) || Date.now() + waitMs > deadline) throw cause;
    }
    await sleep(waitMs);
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
