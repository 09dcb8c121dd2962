import type { MessagingError } from "../errors/messaging-error.ts";
import type { Consumer } from "../spi/driver.ts";
import { Lane } from "./lane.ts";
import type { Settler } from "./settler.ts";

/**
 * One consumer's life. When it ends, whatever it delivered is the broker's again,
 * and the next generation begins with a consumer of its own.
 */
export class Generation {
  consumer!: Consumer;
  settler!: Settler;
  /** The lanes that the consumer was told to hold back. */
  heldBack: readonly string[] = [];
  readonly #lanes = new Map<string, Lane>();
  readonly #interrupt = new AbortController();
  #error: MessagingError | undefined;

  /** Fires when it ends: from outside, or because the subscription closes. */
  get signal(): AbortSignal {
    return this.#interrupt.signal;
  }

  /** Why it ended, when something went wrong. */
  get error(): MessagingError | undefined {
    return this.#error;
  }

  get lanes(): Iterable<Lane> {
    return this.#lanes.values();
  }

  end(error?: MessagingError): void {
    this.#error ??= error;
    this.#interrupt.abort();
  }

  lane(name: string): Lane {
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      lane = new Lane(name);
      this.#lanes.set(name, lane);
    }
    return lane;
  }

  known(names: readonly string[]): Lane[] {
    return names.map((name) => this.#lanes.get(name)).filter((lane) => lane !== undefined);
  }

  /** The lane may come back later, as another. */
  forget(lane: Lane): void {
    if (this.#lanes.get(lane.name) === lane) this.#lanes.delete(lane.name);
  }
}
