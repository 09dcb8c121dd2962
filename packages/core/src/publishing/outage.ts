import type { ReconnectingConnection } from "../connection/reconnecting-connection.ts";
import type { MessagingError } from "../errors/messaging-error.ts";

/** Why what a sender holds has to go out again, told once per outage and kind of error. */
export class Outage {
  readonly #connection: ReconnectingConnection;
  readonly #onError: (error: MessagingError) => void;
  /** It has begun or ended. */
  readonly #onChange: () => void;
  #error: MessagingError | undefined;

  constructor(
    connector: ReconnectingConnection,
    onError: (error: MessagingError) => void,
    onChange: () => void,
  ) {
    this.#connection = connector;
    this.#onError = onError;
    this.#onChange = onChange;
  }

  get error(): MessagingError | undefined {
    return this.#error;
  }

  /** A connection that is down is told of elsewhere. */
  lasts(error: MessagingError): void {
    if (this.#connection.current !== undefined && this.#error?.code !== error.code) this.#onError(error);
    const begins = this.#error === undefined;
    this.#error = error;
    if (begins) this.#onChange();
  }

  ends(): void {
    if (this.#error === undefined) return;
    this.#error = undefined;
    this.#onChange();
  }
}
