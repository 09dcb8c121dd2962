import type { AnyQueue } from "../api/contract.ts";
import type { Address } from "../spi/address.ts";

type Source = Pick<Address, "name" | "group">;

/**
 * Where a client's own consumers have put their dead-lettered messages, by what they consume: of
 * that there is as much as the application has contracts.
 */
export class DeadLetterQueues {
  readonly #bySource = new Map<string, Map<string | undefined, AnyQueue | undefined>>();

  /** `undefined`: into the derived queue. */
  add(source: Source, queue: AnyQueue | undefined): void {
    const key = sourceKey(source);
    const known = this.#bySource.get(key) ?? new Map<string | undefined, AnyQueue | undefined>();
    this.#bySource.set(key, known.set(queue?.name, queue));
  }

  /** Each once, in the order in which they came to be used; the derived one where none was. */
  of(source: Source, derived: AnyQueue): readonly AnyQueue[] {
    const known = [...(this.#bySource.get(sourceKey(source))?.values() ?? [derived])];
    return [...new Map(known.map((queue = derived) => [queue.name, queue])).values()];
  }
}

/** Names what is consumed. */
export function sourceKey({ name, group }: Source): string {
  return group === undefined ? name : `${name} ${group}`;
}
