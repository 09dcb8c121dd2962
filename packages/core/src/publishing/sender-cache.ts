import type { MessagingError } from "../errors/messaging-error.ts";
import type { Address } from "../spi/address.ts";
import { DestinationSender, type SenderOwner } from "./destination-sender.ts";
import type { DestinationSenderContext } from "./destination-sender-context.ts";

/** How many senders with nothing to do are kept. */
const mostKept = 1_000;

/** The one sender of each destination. Those with nothing to do are let go of when there are many. */
export class SenderCache implements SenderOwner {
  readonly #context: DestinationSenderContext;
  readonly #senders = new Map<string, DestinationSender>();
  readonly #byAddress = new WeakMap<Address, DestinationSender>();

  constructor(context: DestinationSenderContext) {
    this.#context = context;
  }

  get size(): number {
    return this.#senders.size;
  }

  get(address: Address): DestinationSender {
    const known = this.#byAddress.get(address);
    if (known?.kept) return known;
    const name = nameOf(address);
    let sender = this.#senders.get(name);
    if (sender === undefined) {
      sender = new DestinationSender(address, this.#context, this);
      this.#senders.set(name, sender);
    }
    this.#byAddress.set(address, sender);
    return sender;
  }

  [Symbol.iterator](): IterableIterator<DestinationSender> {
    return this.#senders.values();
  }

  /** Why messages have to be sent again, if they have. */
  get trouble(): MessagingError | undefined {
    for (const sender of this.#senders.values()) if (sender.trouble !== undefined) return sender.trouble;
    return undefined;
  }

  resting(sender: DestinationSender): void {
    // A requester's inbox is written to for a while and never again: keeping it would be a leak.
    if (sender.address.kind !== "inbox" && this.#senders.size <= mostKept) return;
    const name = nameOf(sender.address);
    if (this.#senders.get(name) !== sender) return;
    this.#senders.delete(name);
    sender.kept = false;
  }

  returned(sender: DestinationSender): void {
    const name = nameOf(sender.address);
    if (this.#senders.has(name)) return;
    this.#senders.set(name, sender);
    sender.kept = true;
  }
}

function nameOf(address: Address): string {
  return `${address.kind} ${address.brokerName} ${address.brokerGroup ?? ""}`;
}
