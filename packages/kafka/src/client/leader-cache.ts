import { BoundedMap } from "@waybill/core/spi";

/** How long leaders are taken for granted without an error that says otherwise. */
const maxAgeMs = 300_000;
/** The most topics whose leaders are known, and the most bytes of that; the oldest is looked up again. */
const mostTopics = 10_000;
const maxBytes = 4 * 1024 * 1024;
/** What a topic takes beside its name, and what each of its partitions does. */
const topicBytes = 100;
const partitionBytes = 8;

/** Which node leads each partition of a topic, as some connection of a client has last heard. */
export class LeaderCache {
  readonly #topics = new BoundedMap<{ readonly leaders: readonly number[]; readonly until: number }>(
    maxBytes,
    mostTopics,
  );

  /** By partition; `undefined` when it is to be looked up. */
  get(topic: string): readonly number[] | undefined {
    const known = this.#topics.get(topic);
    return known !== undefined && performance.now() < known.until ? known.leaders : undefined;
  }

  set(topic: string, leaders: readonly number[]): void {
    const until = performance.now() + maxAgeMs;
    this.#topics.set(topic, { leaders, until }, topicBytes + partitionBytes * leaders.length);
  }

  delete(topic: string): void {
    this.#topics.delete(topic);
  }
}
