import { NoticingPromise } from "../runtime/noticing-promise.ts";

/** How a call of `next` ends, as a middleware gets it: a failure that nobody has looked at would be lost. */
export class NextCall extends NoticingPromise<void> {
  hasSucceeded = false;

  /** The call's end, whoever looks at it. Never an unhandled rejection. */
  readonly ended: Promise<void>;

  constructor(call: () => Promise<void>) {
    const ended = new Promise<void>((resolve) => resolve(call()));
    super((resolve) => resolve(ended));
    this.ended = ended;
    // Not by its own `then`, which would count as looking at it.
    Promise.prototype.then.call(
      this,
      () => {
        this.hasSucceeded = true;
      },
      () => {},
    );
  }
}
