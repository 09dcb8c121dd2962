/** A promise that knows whether anybody looks at it: `await` and `Promise.all` call the `then` of what is no plain promise. */
export class NoticingPromise<T> extends Promise<T> {
  /** What is made of it is a promise like any other. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  isHeeded = false;

  // biome-ignore lint/suspicious/noThenProperty: that is how anybody looks at a promise
  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.isHeeded = true;
    return super.then(onFulfilled, onRejected);
  }
}
