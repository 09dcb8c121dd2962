import type { ReconnectingConnection } from "../connection/reconnecting-connection.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import type { Clock } from "../runtime/clock.ts";
import { unlessAborted } from "../runtime/unless-aborted.ts";
import type { Address } from "../spi/address.ts";

export interface PreparationContext {
  readonly connector: ReconnectingConnection;
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Makes or checks the destination, once for the client, until the signal fires. */
  prepare(address: Address, signal: AbortSignal): Promise<void>;
  /** Whether `prepare` would have nothing to ask. */
  isPrepared(address: Address): boolean;
}

/** Whether a destination is ready to be published to, and the one attempt to get it so. */
export class Preparation {
  readonly #address: Address;
  readonly #context: PreparationContext;
  #isReady = false;
  #attempt: AbortController | undefined;

  constructor(address: Address, context: PreparationContext) {
    this.#address = address;
    this.#context = context;
  }

  get isReady(): boolean {
    // A subscription may have made it. Signals and timers for nothing are the larger part of a first publish.
    if (!this.#isReady && this.#attempt === undefined)
      this.#isReady = this.#context.isPrepared(this.#address);
    return this.#isReady;
  }

  /** It may be gone: the next message looks again. */
  forget(): void {
    this.#isReady = false;
  }

  /** Begins unless it is under way. A broker that does not answer is waited for no longer than for a confirmation. */
  begin(onFailure: (cause: unknown) => void, onEnd: () => void): void {
    if (this.#attempt !== undefined) return;
    const { clock, timeoutMs, connector } = this.#context;
    const attempt = new AbortController();
    this.#attempt = attempt;
    const timer = clock.setTimeout(() => {
      attempt.abort(
        new MessagingError("TIMEOUT", `"${this.#address.name}" was not ready within ${timeoutMs} ms.`, {
          remedy: "Check that the broker answers, or raise `publishTimeoutMs`.",
          cause: connector.error,
        }),
      );
    }, timeoutMs);
    unlessAborted(this.#context.prepare(this.#address, attempt.signal), attempt.signal)
      .then(() => {
        this.#isReady = true;
      }, onFailure)
      .finally(() => {
        this.#attempt = undefined;
        clock.clearTimeout(timer);
      })
      .then(onEnd);
  }

  /** Nobody waits for it any more. */
  close(error: MessagingError): void {
    this.#attempt?.abort(error);
  }
}
