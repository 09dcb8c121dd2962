import { NoticingPromise } from "./noticing-promise.ts";

// Taken when this is loaded: tests that fake timers do not stop the real event loop.
const later = globalThis.setTimeout;

/**
 * The same promise for whoever awaits it. Where nobody has by the end of this turn of the event loop,
 * its rejection goes to `onUnheard`, once, and does not end the process as an unhandled one would.
 */
export function toldRejection<T>(promise: Promise<T>, onUnheard: (error: unknown) => void): Promise<T> {
  const noticing = new NoticingPromise<T>((resolve, reject) => {
    promise.then(resolve, (error) => {
      reject(error);
      later(() => {
        if (!noticing.isHeeded) onUnheard(error);
      }, 0);
    });
  });
  // Not by its own `then`, which would count as looking at it.
  Promise.prototype.then.call(noticing, undefined, () => {});
  return noticing;
}
