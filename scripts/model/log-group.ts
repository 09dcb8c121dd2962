import type { Clock, WireMessage } from "@waybill/core/spi";
import type { LogConsumer } from "./log-consumer.ts";
import { LogPartition } from "./log-partition.ts";

const partitionCount = 2;

/** One group of a topic, or a queue: partitions of its own, spread over its members. */
export class LogGroup {
  readonly partitions = Array.from({ length: partitionCount }, (_, index) => new LogPartition(`p${index}`));
  readonly members: LogConsumer[] = [];
  /** Published, and not due yet. */
  delayed = 0;
  #next = 0;
  #shift = 0;
  #spreading = false;
  #spreadAgain = false;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  append(message: WireMessage): void {
    const { key } = message;
    const index = key === undefined ? this.#next++ : key.charCodeAt(key.length - 1);
    const partition = this.partitions[index % partitionCount] as LogPartition;
    partition.records.push(message);
    partition.owner?.wake();
  }

  get unsettled(): number {
    return this.partitions.reduce(
      (sum, { records, committed }) => sum + records.length - committed,
      this.delayed,
    );
  }

  join(member: LogConsumer): void {
    this.members.push(member);
    void this.#spread();
  }

  /** Its partitions are free at once. */
  leave(member: LogConsumer): void {
    const at = this.members.indexOf(member);
    if (at === -1) return;
    this.members.splice(at, 1);
    for (const partition of this.partitions) if (partition.owner === member) partition.owner = undefined;
    void this.#spread();
  }

  move(by: number): void {
    this.#shift += by;
    void this.#spread();
  }

  /** Takes partitions from those that are to give them up, in good order, and gives them to the others. */
  async #spread(): Promise<void> {
    if (this.#spreading) {
      this.#spreadAgain = true;
      return;
    }
    this.#spreading = true;
    do {
      // It takes its members a heartbeat to learn of it: never in the middle of what they are at.
      await new Promise<void>((resolve) => void this.#clock.setTimeout(resolve, 1));
      this.#spreadAgain = false;
      await Promise.all(
        this.partitions.map(async (partition, index) => {
          const wanted = this.#wanted(index);
          if (partition.owner !== undefined && partition.owner !== wanted)
            await partition.owner.giveUp(partition);
        }),
      );
      this.partitions.forEach((partition, index) => {
        if (partition.owner === undefined) this.#wanted(index)?.take(partition);
      });
    } while (this.#spreadAgain);
    this.#spreading = false;
  }

  #wanted(index: number): LogConsumer | undefined {
    return this.members[(index + this.#shift) % this.members.length];
  }
}
