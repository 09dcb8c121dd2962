export interface RetryTransientOptions {
  /** When to stop trying again, in milliseconds from now. */
  readonly timeoutMs: number;
  /** Whether what stands in the way passes by itself. */
  readonly isTransient: (cause: unknown) => boolean;
  /** Whether nobody waits for it any more. */
  readonly isOver: () => boolean;
}

const pause = { firstMs: 20, mostMs: 500 };

/**
 * Does it again while what stands in the way is passing: what was just made may not be
 * known everywhere yet, nor right after a broker has started. Rejects with the last cause.
 */
export async function retryTransient<T>(
  work: () => Promise<T>,
  { timeoutMs, isTransient, isOver }: RetryTransientOptions,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (let waitMs = pause.firstMs; ; waitMs = Math.min(pause.mostMs, waitMs * 2)) {
    try {
      return await work();
    } catch (cause) {
      if (isOver() || !isTransient(cause) || Date.now() + waitMs > deadline) throw cause;
    }
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}
