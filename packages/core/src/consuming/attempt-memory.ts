import { type RememberedError, recalledError, rememberedError } from "../errors/remembered.ts";
import { BoundedMap } from "../runtime/bounded-map.ts";
import type { Address } from "../spi/address.ts";
import { deadLetterHeaders } from "../spi/dead-letter-headers.ts";
import type { ReceivedMessage } from "../spi/message.ts";
import { writtenAttempt } from "./attempt-headers.ts";
import { knownRedeliveries } from "./handed-back-marks.ts";

/** What is known of a message that left this process unsettled. */
export interface KnownAttempts {
  /** The attempt that comes next. */
  readonly nextAttempt: number;
  /** Not a known number of attempts, but the broker's count: it is to be run alone. */
  readonly suspect: boolean;
  /** How often it took other processes down when it had run alone. */
  readonly losses: number;
  /** Its copy is in the dead-letter queue, and its ordering key waits for that. */
  readonly blocks: boolean;
  /** Not to be started earlier, by the client's clock. 0 for at once. */
  readonly notBefore: number;
  readonly firstFailedAt: number | undefined;
  readonly lastError: unknown;
}

interface Entry extends Omit<KnownAttempts, "lastError"> {
  readonly error: RememberedError | undefined;
  readonly written: number;
  readonly redeliveries: number;
  readonly timestamp: number;
}

/** The most bytes of message ids and error texts that a client remembers attempts by. */
const maxBytes = 8 * 1024 * 1024;
/** What an entry takes beside its name and the text of its error. */
const entryBytes = 250;

/**
 * Which attempts were really made of messages that went back to the broker and may come here
 * again: after a retry, a lost connection, a lost lease, a closed subscription. Brokers count
 * deliveries, and a delivery that no handler saw is no attempt. One for a client.
 */
export class AttemptMemory {
  readonly #entries = new BoundedMap<Entry>(maxBytes);

  note(address: Address, message: ReceivedMessage, { lastError, ...known }: KnownAttempts): void {
    const { timestamp, headers } = message;
    const redeliveries = knownRedeliveries(message);
    const written = writtenAttempt(headers);
    const error = rememberedError(lastError);
    this.#set(nameOf(address, message), { ...known, error, written, redeliveries, timestamp });
  }

  /** Its handler put it off, as was heard only when it had left: that call was no attempt. Nothing where it has come again. */
  postpone(address: Address, message: ReceivedMessage, attempt: number, notBefore: number): void {
    const name = nameOf(address, message);
    const entry = this.#entries.get(name);
    if (entry === undefined || entry.timestamp !== message.timestamp || entry.suspect) return;
    this.#set(name, { ...entry, nextAttempt: attempt, notBefore });
  }

  /** What is known of this delivery, once. `unknown`: how many deliveries there were elsewhere meanwhile. */
  recall(
    address: Address,
    message: ReceivedMessage,
  ): (KnownAttempts & { readonly unknown: number }) | undefined {
    if (this.#entries.size === 0) return undefined;
    const name = nameOf(address, message);
    const entry = this.#entries.get(name);
    if (entry === undefined) return undefined;
    this.#entries.delete(name);
    // Another message of the same id, or another copy of it, is counted for itself.
    if (entry.timestamp !== message.timestamp || entry.written !== writtenAttempt(message.headers))
      return undefined;
    // Counted once more for going back, or as many times as the consumer was told when it closed.
    const counted = Math.max(entry.redeliveries + 1, entry.nextAttempt - entry.written);
    const unknown = Math.max(0, knownRedeliveries(message) - counted);
    return { ...entry, lastError: recalledError(entry.error), unknown };
  }

  #set(name: string, entry: Entry): void {
    this.#entries.set(name, entry, entryBytes + 2 * (entry.error?.text.length ?? 0));
  }
}

/** What a redrive has brought back begins anew, whatever is known of it from before. */
function nameOf(address: Address, { id, headers }: ReceivedMessage): string {
  const redrivenBy = headers[deadLetterHeaders.redriveRun] ?? "";
  return `${address.kind} ${address.brokerName} ${address.brokerGroup ?? ""} ${redrivenBy} ${id}`;
}
