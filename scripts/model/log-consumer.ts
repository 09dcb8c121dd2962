import {
  type Address,
  type Call,
  type Clock,
  type Consumer,
  type ConsumerHooks,
  MessagingError,
  type ReceivedMessage,
  type Settlement,
  type SettleOutcome,
  within,
} from "@waybill/core/spi";
import type { LogGroup } from "./log-group.ts";
import type { LogPartition } from "./log-partition.ts";

const longestWaitMs = 5_000;
/** How long a member may take to let go of a partition, in milliseconds. */
const rebalanceTimeoutMs = 10_000;

/** A member of a group. It keeps no books: what is not committed when a partition goes is read again. */
export class LogConsumer implements Consumer {
  readonly #address: Address;
  readonly #group: LogGroup;
  readonly #hooks: ConsumerHooks;
  readonly #clock: Clock;
  readonly #onSettled: (from: Address, settlement: Settlement) => void;
  /** Where it reads next. */
  readonly #positions = new Map<LogPartition, number>();
  #paused: ReadonlySet<string> = new Set();
  #wake: (() => void) | undefined;
  #failure: { readonly cause: unknown } | undefined;
  /** Partitions that came anew are other ones to a settlement of before. */
  readonly #handedOut = new Map<ReceivedMessage, LogPartition>();

  constructor(
    address: Address,
    group: LogGroup,
    hooks: ConsumerHooks,
    clock: Clock,
    onSettled: (from: Address, settlement: Settlement) => void,
  ) {
    this.#address = address;
    this.#group = group;
    this.#hooks = hooks;
    this.#clock = clock;
    this.#onSettled = onSettled;
    group.join(this);
  }

  take(partition: LogPartition): void {
    partition.owner = this;
    this.#positions.set(partition, partition.committed);
    this.wake();
  }

  async giveUp(partition: LogPartition): Promise<void> {
    this.#positions.delete(partition);
    await within(this.#clock, rebalanceTimeoutMs, Promise.resolve(this.#hooks.revoking([partition.name])));
    this.#drop(partition);
    this.#hooks.revoked([partition.name]);
  }

  wake(): void {
    this.#wake?.();
  }

  async receive(max: number, { signal }: Call): Promise<readonly ReceivedMessage[]> {
    const batch = this.#read(max);
    if (batch.length > 0 || signal.aborted) return batch;
    await new Promise<void>((resolve) => {
      const end = () => {
        this.#clock.clearTimeout(timer);
        signal.removeEventListener("abort", end);
        this.#wake = undefined;
        resolve();
      };
      const timer = this.#clock.setTimeout(end, longestWaitMs);
      signal.addEventListener("abort", end, { once: true });
      this.#wake = end;
    });
    if (this.#failure !== undefined) throw this.#failure.cause;
    return signal.aborted ? [] : this.#read(max);
  }

  async settle(batch: readonly Settlement[]): Promise<readonly SettleOutcome[]> {
    return batch.map((settlement) => this.#commit(settlement));
  }

  pausePartitions(partitions: readonly string[]): void {
    this.#paused = new Set(partitions);
    this.wake();
  }

  async close(): Promise<void> {
    this.#end(new MessagingError("CLOSED", "The consumer is closed."));
  }

  fail(cause: unknown): void {
    this.#end(cause);
  }

  #end(cause: unknown): void {
    this.#failure ??= { cause };
    this.#positions.clear();
    this.#handedOut.clear();
    this.#group.leave(this);
    this.wake();
  }

  #drop(partition: LogPartition): void {
    if (partition.owner === this) partition.owner = undefined;
    this.#positions.delete(partition);
    for (const [message, its] of this.#handedOut) if (its === partition) this.#handedOut.delete(message);
  }

  #read(max: number): ReceivedMessage[] {
    if (this.#failure !== undefined) throw this.#failure.cause;
    const batch: ReceivedMessage[] = [];
    for (const [partition, position] of this.#positions) {
      if (this.#paused.has(partition.name)) continue;
      let next = position;
      for (; next < partition.records.length && batch.length < max; next++) {
        const message = partition.received(next);
        this.#handedOut.set(message, partition);
        batch.push(message);
      }
      this.#positions.set(partition, next);
    }
    return batch;
  }

  #commit({ delivery }: Settlement): SettleOutcome {
    const partition = this.#handedOut.get(delivery);
    if (partition === undefined) return "lost";
    const upTo = Number(delivery.position) + 1;
    for (const [message, its] of this.#handedOut) {
      if (its !== partition || Number(message.position) >= upTo) continue;
      this.#handedOut.delete(message);
      if (Number(message.position) >= partition.committed)
        this.#onSettled(this.#address, { delivery: message, outcome: "ack" });
    }
    partition.committed = Math.max(partition.committed, upTo);
    return "settled";
  }
}
