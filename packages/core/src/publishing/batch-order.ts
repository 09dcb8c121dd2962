import { MessagingError } from "../errors/messaging-error.ts";
import type { PendingPublish } from "./pending-publish.ts";

/** The first failure of a key in a batch. */
interface KeyFailure {
  readonly index: number;
  readonly error: MessagingError;
}

/**
 * The messages of one batch by ordering key. What comes after a failed one of its key fails
 * too, as far as it has not left yet: publishing again what failed then keeps the order.
 */
export class BatchOrder {
  readonly #failures = new Map<string, KeyFailure>();
  readonly #pending = new Map<string, Map<number, PendingPublish>>();

  /** Why the message at this place is not to leave, if an earlier one of its key has failed. */
  refusal(key: string | undefined, index: number): MessagingError | undefined {
    const failure = key === undefined ? undefined : this.#failures.get(key);
    return failure === undefined || failure.index >= index ? undefined : failure.error;
  }

  /** It is on its way. */
  entered(key: string | undefined, index: number, entry: PendingPublish): void {
    if (key === undefined || entry.finished) return;
    const entries = this.#pending.get(key);
    if (entries === undefined) this.#pending.set(key, new Map([[index, entry]]));
    else entries.set(index, entry);
  }

  stored(key: string | undefined, index: number): void {
    if (key !== undefined) this.#pending.get(key)?.delete(index);
  }

  failed(key: string | undefined, index: number, cause: MessagingError): void {
    if (key === undefined) return;
    const entries = this.#pending.get(key);
    entries?.delete(index);
    const known = this.#failures.get(key);
    if (known !== undefined && known.index <= index) return;
    const error = new MessagingError(
      "PARTIAL_FAILURE",
      `Message ${index} of the batch failed, and this one has the same ordering key.`,
      { remedy: "Publish it after that one.", retryable: true, cause, details: { failedIndex: index } },
    );
    this.#failures.set(key, { index, error });
    if (entries === undefined) return;
    for (const [later, entry] of [...entries]) if (later > index) entry.failUnlessLeft(error);
  }
}
