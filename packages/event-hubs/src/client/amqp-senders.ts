import type { AmqpConnection } from "./amqp-connection.ts";
import type { AmqpSender } from "./amqp-sender.ts";

/** Links are cheap but not free, and a service bounds them: the longest unused goes first. */
const maxSenders = 256;

/** One link for each address that is sent to, opened when it is needed and kept. */
export class AmqpSenders {
  readonly #amqp: AmqpConnection;
  readonly #senders = new Map<string, Promise<AmqpSender>>();

  constructor(amqp: AmqpConnection) {
    this.#amqp = amqp;
  }

  async get(hub: string, partition?: string): Promise<AmqpSender> {
    const address = partition === undefined ? hub : `${hub}/Partitions/${partition}`;
    const known = this.#senders.get(address);
    const opening = known ?? this.#open(hub, address);
    // The most recently used last.
    if (known !== undefined) this.#senders.delete(address);
    this.#senders.set(address, opening);
    try {
      const sender = await opening;
      if (!sender.failed) return sender;
    } catch (cause) {
      this.#forget(address, opening);
      throw cause;
    }
    this.#forget(address, opening);
    return this.get(hub, partition);
  }

  #open(hub: string, address: string): Promise<AmqpSender> {
    const opening = this.#amqp.sender(hub, address, () => this.#forget(address, opening));
    if (this.#senders.size >= maxSenders) {
      const [oldest] = this.#senders;
      if (oldest !== undefined) {
        this.#senders.delete(oldest[0]);
        oldest[1].then((sender) => sender.closeWhenIdle()).catch(() => {});
      }
    }
    return opening;
  }

  #forget(address: string, opening: Promise<AmqpSender>): void {
    if (this.#senders.get(address) === opening) this.#senders.delete(address);
  }
}
