import { BoundedMap } from "@waybill/core/spi";
import { Spreader } from "./partitioner.ts";

/** The most topics of which it is known whose turn is next, in bytes of their names: some 10,000. A forgotten one begins anywhere. */
const maxBytes = 2 * 1024 * 1024;
/** What a spreader takes, in bytes. */
const spreaderBytes = 50;

/** How messages without a key are spread over the partitions of each topic that is published to. */
export class Spreaders {
  readonly #byTopic = new BoundedMap<Spreader>(maxBytes);

  get size(): number {
    return this.#byTopic.size;
  }

  of(topic: string): Spreader {
    const known = this.#byTopic.get(topic);
    if (known !== undefined) return known;
    const spreader = new Spreader();
    this.#byTopic.set(topic, spreader, spreaderBytes);
    return spreader;
  }
}
