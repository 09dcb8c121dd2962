import { type Consumer, nothingStarted } from "./driver.ts";

/** The consumers of a connection, so that they end with it, and give back what they used. */
export class OpenConsumers {
  readonly #consumers = new Set<Consumer>();

  /** The consumer, whose `close` also calls `release`, and does both once. */
  track(consumer: Consumer, release: () => Promise<void> = async () => {}): Consumer {
    const close = consumer.close.bind(consumer);
    let closing: Promise<void> | undefined;
    consumer.close = (options) => {
      closing ??= Promise.all([close(options), release()]).then(() => {
        this.#consumers.delete(consumer);
      });
      return closing;
    };
    this.#consumers.add(consumer);
    return consumer;
  }

  /** Closes all of them. Never rejects. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#consumers].map((consumer) => consumer.close(nothingStarted)));
  }
}
