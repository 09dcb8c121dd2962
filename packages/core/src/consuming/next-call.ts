/**
 * How a call of `next` ends, as a middleware gets it: a promise that knows whether anybody looks at
 * it, since a failure that nobody has looked at would be lost.
 */
export class NextCall extends Promise<void> {
  /** What is made of it is a promise like any other. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  isHeeded = false;
  hasSucceeded = false;

  /** The call's end, whoever looks at it. Never an unhandled rejection. */
  readonly ended: Promise<void>;

  constructor(call: () => Promise<void>) {
    const ended = new Promise<void>((resolve) => resolve(call()));
    super((resolve) => resolve(ended));
    this.ended = ended;
    super.then(
      () => {
        this.hasSucceeded = true;
      },
      () => {},
    );
  }

  // biome-ignore lint/suspicious/noThenProperty: that is how anybody looks at a promise
  override then<A = void, B = never>(
    // biome-ignore lint/suspicious/noConfusingVoidType: as the class it overrides has it
    onFulfilled?: ((value: void) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.isHeeded = true;
    return super.then(onFulfilled, onRejected);
  }
}
