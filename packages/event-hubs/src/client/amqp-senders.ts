import type { AmqpConnection } from "./amqp-connection.ts";
import type { AmqpSender } from "./amqp-sender.ts";

/** Links are cheap but not free, and a service bounds them: the longest unused goes first. */
const maxSenders = 256;
/** A link that nothing was sent by for so long is closed, in milliseconds. */
const unusedMs = 600_000;

interface OpenSender {
  readonly opening: Promise<AmqpSender>;
  /** By `performance.now`. */
  usedAt: number;
}

/** One link for each address that is sent to, opened when it is needed and kept while it is used. */
export class AmqpSenders {
  readonly #amqp: Pick<AmqpConnection, "sender">;
  /** The longest unused first. */
  readonly #senders = new Map<string, OpenSender>();
  #closingUnused: NodeJS.Timeout | undefined;

  constructor(amqp: Pick<AmqpConnection, "sender">) {
    this.#amqp = amqp;
  }

  /** How many links there are. */
  get size(): number {
    return this.#senders.size;
  }

  async get(hub: string, partition?: string): Promise<AmqpSender> {
    const address = partition === undefined ? hub : `${hub}/Partitions/${partition}`;
    const known = this.#senders.get(address);
    const { opening } = this.#use(address, known ?? this.#open(hub, address));
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

  #use(address: string, sender: OpenSender): OpenSender {
    sender.usedAt = performance.now();
    this.#senders.delete(address);
    this.#senders.set(address, sender);
    if (this.#closingUnused === undefined) this.#closeUnusedIn(unusedMs);
    return sender;
  }

  #open(hub: string, address: string): OpenSender {
    const opening = this.#amqp.sender(hub, address, () => this.#forget(address, opening));
    if (this.#senders.size >= maxSenders) {
      const [oldest] = this.#senders;
      if (oldest !== undefined) this.#close(...oldest);
    }
    return { opening, usedAt: 0 };
  }

  #closeUnusedIn(ms: number): void {
    this.#closingUnused = setTimeout(() => this.#closeUnused(), ms);
    this.#closingUnused.unref();
  }

  #closeUnused(): void {
    this.#closingUnused = undefined;
    const now = performance.now();
    for (const [address, sender] of this.#senders) {
      const left = sender.usedAt + unusedMs - now;
      if (left > 0) return this.#closeUnusedIn(left);
      this.#close(address, sender);
    }
  }

  #close(address: string, { opening }: OpenSender): void {
    this.#forget(address, opening);
    opening.then((sender) => sender.closeWhenIdle()).catch(() => {});
  }

  #forget(address: string, opening: Promise<AmqpSender>): void {
    if (this.#senders.get(address)?.opening === opening) this.#senders.delete(address);
    if (this.#senders.size > 0) return;
    clearTimeout(this.#closingUnused);
    this.#closingUnused = undefined;
  }
}
