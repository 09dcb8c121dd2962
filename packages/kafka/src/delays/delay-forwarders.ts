import { type Address, SharedDelayForwarder } from "@waybill/core/spi";
import { topicExists } from "../client/topic-exists.ts";
import { delayGroupId, delayTopic } from "../naming.ts";
import type { KafkaPublisher } from "../publisher.ts";
import type { ConsumerContext } from "../receiving/consumer-context.ts";
import { type DelayTopic, KafkaDelayForwarder } from "./delay-forwarder.ts";

const lookAgain = { firstMs: 2_000, maxMs: 60_000 };

/** One forwarder for each topic or queue that this connection consumes, shared by its consumers. */
export class DelayForwarders {
  readonly #context: ConsumerContext;
  readonly #publisher: KafkaPublisher;
  readonly #shared = new Map<string, SharedDelayForwarder<DelayTopic>>();

  constructor(context: ConsumerContext, publisher: KafkaPublisher) {
    this.#context = context;
    this.#publisher = publisher;
  }

  /** Resolves with how to give it back. */
  async use(address: Address): Promise<() => Promise<void>> {
    const name = delayTopic(address);
    const shared = this.#shared.get(name) ?? this.#forwarderOf(address, name);
    this.#shared.set(name, shared);
    const forget = () => {
      if (!shared.isUsed && this.#shared.get(name) === shared) this.#shared.delete(name);
    };
    try {
      const release = await shared.use();
      return async () => {
        const released = release();
        forget();
        await released;
      };
    } catch (cause) {
      forget();
      throw cause;
    }
  }

  #forwarderOf(address: Address, name: string): SharedDelayForwarder<DelayTopic> {
    const { control, report, signal } = this.#context;
    const topic = { name, groupId: delayGroupId(address), home: address.brokerName };
    return new SharedDelayForwarder({
      // A topic that others made may have no delay topic; until it has, nobody can delay messages to it either.
      find: async () => ((await topicExists(control, name)) ? topic : undefined),
      start: (found, onEnd) => new KafkaDelayForwarder(this.#context, this.#publisher, found, onEnd),
      lookAgain,
      report,
      signal,
    });
  }
}
