/** How long to wait for what must come, unless a case says otherwise: long, since it costs only where something is wrong. */
export const waitTimeoutMs = 30_000;

/**
 * Waits until `condition` holds and returns what it gave. Rejects with `what`
 * once `withinMs` is over, or when the signal fires.
 */
export async function eventually<T>(
  what: () => string,
  condition: () => T | Promise<T>,
  withinMs: number,
  signal: AbortSignal,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  let pauseMs = 1;
  for (;;) {
    const result = await condition();
    if (result) return result;
    if (signal.aborted) throw signal.reason;
    if (performance.now() > deadline) throw new Error(`Waited ${withinMs} ms in vain: ${what()}.`);
    await pause(pauseMs, signal);
    pauseMs = Math.min(25, pauseMs * 2);
  }
}

/** Proves an absence as far as that can be: rejects at once when `condition` comes to hold within `timeoutMs`. */
export async function never(
  what: string,
  condition: () => unknown,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    if (await condition()) throw new Error(`This should not have happened: ${what}.`);
    const left = deadline - performance.now();
    if (left <= 0) return;
    await pause(Math.min(20, left), signal);
  }
}

/** Rejects with `error()` if the promise takes longer than `ms`. */
export async function inTime<T>(promise: Promise<T>, ms: number, error: () => Error): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(error()), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
  });
}
