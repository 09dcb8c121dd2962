import type { Receipt } from "../api/publisher.ts";
import { aborted } from "../errors/ended.ts";
import type { MessagingError } from "../errors/messaging-error.ts";
import type { WireMessage } from "../spi/message.ts";
import type { PublishOutcome } from "../spi/settlement.ts";

/** Whoever counts what is pending. */
export interface PendingOwner {
  /** Called once, when the promise of this message is settled. */
  finished(entry: PendingPublish): void;
}

/** A message for a sender. */
export interface Entering {
  readonly message: WireMessage;
  /** In bytes, as the limits count them. */
  readonly size: number;
  /** Whether it is within the bound on what is pending already. */
  readonly isCounted: boolean;
  /** In monotonic milliseconds. Default: `timeoutMs` from now. */
  readonly deadline: number | undefined;
  /** Called at once, not in a later turn: what comes next may depend on it. */
  readonly resolve: (receipt: Receipt) => void;
  readonly reject: (error: MessagingError) => void;
}

/** One message from its arrival in a sender until its promise is settled, which happens once. */
export class PendingPublish {
  readonly message: WireMessage;
  /** In bytes, as the limits count them. */
  readonly size: number;
  /** Whether somebody else counts it as pending. */
  readonly isCounted: boolean;
  /** When its time is over, in monotonic milliseconds. */
  readonly deadline: number;
  /** Its place among all that waited in its line. */
  place = 0;
  finished = false;
  /** Whether the driver has it now. */
  inFlight = false;
  /** Set when it is not to leave again, whatever becomes of the call that has it. */
  refusal: MessagingError | undefined;
  /** The last failure that was worth another try. */
  error: MessagingError | undefined;
  readonly #owner: PendingOwner;
  readonly #resolve: (receipt: Receipt) => void;
  readonly #reject: (error: MessagingError) => void;
  #stopListening: (() => void) | undefined;

  constructor(
    owner: PendingOwner,
    message: WireMessage,
    size: number,
    isCounted: boolean,
    deadline: number,
    resolve: (receipt: Receipt) => void,
    reject: (error: MessagingError) => void,
  ) {
    this.#owner = owner;
    this.message = message;
    this.size = size;
    this.isCounted = isCounted;
    this.deadline = deadline;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Stops waiting when the caller's signal fires. */
  abortWith(signal: AbortSignal): void {
    const onAbort = () => this.fail(aborted(signal));
    signal.addEventListener("abort", onAbort, { once: true });
    this.#stopListening = () => signal.removeEventListener("abort", onAbort);
  }

  succeed(outcome: PublishOutcome & { readonly ok: true }): void {
    if (this.finished) return;
    this.#finish();
    this.#resolve({
      id: this.message.id,
      position: outcome.position,
      unrouted: outcome.unrouted ?? false,
    });
  }

  fail(error: MessagingError): void {
    if (this.finished) return;
    this.#finish();
    this.#reject(error);
  }

  /** Fails at once unless the driver has it: then when that call has failed. */
  failUnlessLeft(error: MessagingError): void {
    this.refusal = error;
    if (!this.inFlight) this.fail(error);
  }

  #finish(): void {
    this.finished = true;
    this.#stopListening?.();
    this.#owner.finished(this);
  }
}
