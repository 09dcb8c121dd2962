/**
 * Waits for `work` to settle, but not beyond `ms` nor the signal. Answers whether it
 * settled in time. Never rejects, and leaves neither timer nor listener behind.
 */
export function within(ms: number, work: Promise<unknown>, signal?: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (settled: boolean) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", over);
      resolve(settled);
    };
    const over = () => end(false);
    const done = () => end(true);
    const timer = setTimeout(over, ms);
    signal?.addEventListener("abort", over, { once: true });
    work.then(done, done);
    if (signal?.aborted) over();
  });
}
