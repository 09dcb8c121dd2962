import type { AnyQueue } from "../api/contract.ts";
import { BoundedMap } from "../runtime/bounded-map.ts";
import type { Address } from "../spi/address.ts";

type Source = Pick<Address, "name" | "group">;

/** By the name; `undefined` is the derived one. */
type Queues = ReadonlyMap<string | undefined, AnyQueue | undefined>;

/** The most that is remembered, in bytes: of several thousand sources. Of a forgotten one nothing is known, which a redrive says. */
const maxBytes = 512 * 1024;
/** What a source takes beside its name, and what each of its queues does. */
const queuesBytes = 100;
const none: Queues = new Map();

/** Where a client's own consumers have put their dead-lettered messages, by what they consume. */
export class DeadLetterQueues {
  readonly #bySource = new BoundedMap<Queues>(maxBytes);

  /** This client has consumed it itself, so that it knows where that is dead-lettered to. */
  consumed(source: Source): void {
    this.#note(source, this.#bySource.get(sourceKey(source)) ?? none);
  }

  /** `undefined`: into the derived queue. */
  add(source: Source, queue: AnyQueue | undefined): void {
    const known = this.#bySource.get(sourceKey(source)) ?? none;
    this.#note(source, new Map(known).set(queue?.name, queue));
  }

  /** Whether this client has consumed it. */
  knows(source: Source): boolean {
    return this.#bySource.has(sourceKey(source));
  }

  /** Each once, in the order in which they came to be used; the derived one where none was. */
  of(source: Source, derived: AnyQueue): readonly AnyQueue[] {
    const known = this.#bySource.get(sourceKey(source)) ?? none;
    const queues = known.size === 0 ? [derived] : [...known.values()];
    return [...new Map(queues.map((queue = derived) => [queue.name, queue])).values()];
  }

  #note(source: Source, queues: Queues): void {
    let bytes = queuesBytes;
    for (const name of queues.keys()) bytes += queuesBytes + 2 * (name?.length ?? 0);
    this.#bySource.set(sourceKey(source), queues, bytes);
  }
}

/** Names what is consumed. */
function sourceKey({ name, group }: Source): string {
  return group === undefined ? name : `${name} ${group}`;
}
