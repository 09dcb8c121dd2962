import type { Address } from "../spi/address.ts";
import type { DeadLetterWatch } from "./dead-letter-watch.ts";

/** The watches of a client: one for each dead-letter queue, for as long as somebody needs it. */
export class DeadLetterWatches {
  readonly #begin: (deadLetter: Address) => DeadLetterWatch;
  readonly #watches = new Map<string, { readonly watch: DeadLetterWatch; users: number }>();

  constructor(begin: (deadLetter: Address) => DeadLetterWatch) {
    this.#begin = begin;
  }

  /** The watch of this dead-letter queue. Call `forget` once for it. */
  of(deadLetter: Address): DeadLetterWatch {
    const { brokerName } = deadLetter;
    const known = this.#watches.get(brokerName) ?? { watch: this.#begin(deadLetter), users: 0 };
    known.users++;
    this.#watches.set(brokerName, known);
    return known.watch;
  }

  forget({ brokerName }: Address): void {
    const known = this.#watches.get(brokerName);
    if (known === undefined || --known.users > 0) return;
    this.#watches.delete(brokerName);
    void known.watch.close();
  }

  /** A redrive has brought back the copy of this name. */
  redriven({ brokerName }: Address, name: string, run: string): void {
    this.#watches.get(brokerName)?.watch.redriven(name, run);
  }

  /** Resolves when nothing is being looked at any more. */
  async close(): Promise<void> {
    await Promise.all([...this.#watches.values()].map(({ watch }) => watch.close()));
  }

  /** No look gets in the way of what is done with this dead-letter queue meanwhile. */
  async without<T>({ brokerName }: Address, work: () => Promise<T>): Promise<T> {
    const goOn = this.#watches.get(brokerName)?.watch.pause();
    try {
      return await work();
    } finally {
      goOn?.();
    }
  }
}
