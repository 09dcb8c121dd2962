import type { Link } from "../client/link.ts";
import type { MessagingError } from "../errors/messaging-error.ts";

/** Why what an outbox holds has to go out again, told once per outage and kind of error. */
export class Outage {
  readonly #link: Link;
  readonly #onError: (error: MessagingError) => void;
  #error: MessagingError | undefined;

  constructor(link: Link, onError: (error: MessagingError) => void) {
    this.#link = link;
    this.#onError = onError;
  }

  get error(): MessagingError | undefined {
    return this.#error;
  }

  /** Of a connection that is down, the link tells. */
  lasts(error: MessagingError): void {
    if (this.#link.current !== undefined && this.#error?.code !== error.code) this.#onError(error);
    this.#error = error;
  }

  ends(): void {
    this.#error = undefined;
  }
}
