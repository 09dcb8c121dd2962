/** How long leaders are taken for granted without an error that says otherwise. */
const maxAgeMs = 300_000;
/** The most topics whose leaders are known; the oldest is looked up again. */
const mostTopics = 10_000;

/** Which node leads each partition of a topic, as some connection of a client has last heard. */
export class LeaderCache {
  readonly #topics = new Map<string, { readonly leaders: readonly number[]; readonly until: number }>();

  /** By partition; `undefined` when it is to be looked up. */
  get(topic: string): readonly number[] | undefined {
    const known = this.#topics.get(topic);
    return known !== undefined && performance.now() < known.until ? known.leaders : undefined;
  }

  set(topic: string, leaders: readonly number[]): void {
    this.#topics.delete(topic);
    if (this.#topics.size >= mostTopics) this.#topics.delete(this.#topics.keys().next().value as string);
    this.#topics.set(topic, { leaders, until: performance.now() + maxAgeMs });
  }

  delete(topic: string): void {
    this.#topics.delete(topic);
  }
}
