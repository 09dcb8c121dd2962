import type { Clock } from "./clock.ts";

/**
 * Waits until `work` has settled, but no longer than `ms` milliseconds, nor after the signal
 * has fired. Resolves with whether it settled in time. Never rejects: a failure goes to
 * `onFailure`. Leaves neither timer nor listener behind.
 */
export function within(
  clock: Clock,
  ms: number,
  work: Promise<unknown>,
  options: { readonly signal?: AbortSignal; readonly onFailure?: (cause: unknown) => void } = {},
): Promise<boolean> {
  const { signal, onFailure } = options;
  return new Promise((resolve) => {
    const end = (settled: boolean) => {
      clock.clearTimeout(timer);
      signal?.removeEventListener("abort", onOver);
      resolve(settled);
    };
    const onOver = () => end(false);
    const timer = clock.setTimeout(onOver, ms);
    signal?.addEventListener("abort", onOver, { once: true });
    work.then(
      () => end(true),
      (cause) => {
        onFailure?.(cause);
        end(true);
      },
    );
    if (signal?.aborted) onOver();
  });
}
