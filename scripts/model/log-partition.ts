import type { ReceivedMessage, WireMessage } from "@waybill/core/spi";
import type { LogConsumer } from "./log-consumer.ts";

/** Messages in order, and how far its group has come. */
export class LogPartition {
  readonly name: string;
  readonly records: WireMessage[] = [];
  committed = 0;
  owner: LogConsumer | undefined;

  constructor(name: string) {
    this.name = name;
  }

  /** The message at a position, as a consumer gets it. */
  received(position: number): ReceivedMessage {
    const { delayMs: _, publishToken: __, ...message } = this.records[position] as WireMessage;
    return {
      ...message,
      redeliveries: 0,
      partition: this.name,
      position: String(position),
      native: undefined,
    };
  }
}
