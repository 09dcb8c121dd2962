// Taken when this is loaded: tests that fake timers do not stop the real event loop.
const later = globalThis.setTimeout;

/** Knows whether somebody asked for its result: `await` and `Promise.all` call the `then` of what is no plain promise. */
class NoticingPromise<T> extends Promise<T> {
  isHeard = false;

  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  // biome-ignore lint/suspicious/noThenProperty: that is what it is about
  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.isHeard = true;
    return super.then(onFulfilled, onRejected);
  }
}

/**
 * The same promise for whoever awaits it. Where nobody has by the end of this turn of the event loop,
 * its rejection goes to `onUnheard`, once, and does not end the process as an unhandled one would.
 */
export function toldRejection<T>(promise: Promise<T>, onUnheard: (error: unknown) => void): Promise<T> {
  const noticing = new NoticingPromise<T>((resolve, reject) => {
    promise.then(resolve, (error) => {
      reject(error);
      later(() => {
        if (!noticing.isHeard) onUnheard(error);
      }, 0);
    });
  });
  // Not by its own `then`, which would count as being heard.
  Promise.prototype.then.call(noticing, undefined, () => {});
  return noticing;
}
