import { MessagingError } from "../errors/messaging-error.ts";
import type { Address } from "../spi/address.ts";

/** From where to where the failed messages of a client's subscriptions go, so that none go in a circle. */
export class DeadLetterRoutes {
  readonly #routes = new Map<string, Address>();

  /**
   * Notes a route. Returns how to forget it.
   * @throws MessagingError `INVALID_ARGUMENT` when failed messages would come back to where they failed.
   */
  add(from: Address, to: Address | undefined): () => void {
    if (to === undefined || from.kind !== "queue") return () => {};
    const seen = new Set<string>();
    for (let next: Address | undefined = to; next !== undefined; next = this.#routes.get(next.brokerName)) {
      if (next.brokerName === from.brokerName) throw goesInACircle(from, to);
      if (seen.has(next.brokerName)) break;
      seen.add(next.brokerName);
    }
    this.#routes.set(from.brokerName, to);
    return () => {
      if (this.#routes.get(from.brokerName) === to) this.#routes.delete(from.brokerName);
    };
  }
}

function goesInACircle(from: Address, to: Address): MessagingError {
  const what =
    from.brokerName === to.brokerName
      ? `The queue "${from.name}" is its own dead-letter queue`
      : `Failed messages of "${from.name}" go to "${to.name}", and those that fail there come back`;
  return new MessagingError("INVALID_ARGUMENT", `${what}.`, {
    remedy: "Choose another `deadLetter`: a message that always fails would go round for ever.",
  });
}
