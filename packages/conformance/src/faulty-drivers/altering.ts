import type { Driver, PublishOutcome, ReceivedMessage, WireMessage } from "@waybill/core/spi";
import { stored } from "@waybill/core/spi";
import { wrapDriver } from "../wrap.ts";

/** Changes each message on its way out; `undefined` drops it, and says that it was stored. */
export function alteringPublishes(
  driver: Driver,
  alter: (message: WireMessage) => WireMessage | undefined,
): Driver {
  return wrapDriver(driver, {
    connection: (connection) => ({
      async publish(to, batch, call) {
        const altered = batch.map(alter);
        const kept = altered.filter((message) => message !== undefined);
        const outcomes: PublishOutcome[] =
          kept.length === 0 ? [] : [...(await connection.publish(to, kept, call))];
        return altered.map((message) => (message === undefined ? stored : (outcomes.shift() ?? stored)));
      },
    }),
  });
}

/** Changes each batch on its way in, and takes settlements of what was changed back to what it was. */
export function alteringDeliveries(
  driver: Driver,
  alter: (batch: readonly ReceivedMessage[], change: Change) => readonly ReceivedMessage[],
): Driver {
  return wrapDriver(driver, {
    consumer: (consumer) => {
      const originals = new WeakMap<ReceivedMessage, ReceivedMessage>();
      const original = (delivery: ReceivedMessage) => originals.get(delivery) ?? delivery;
      const change: Change = (delivery, changes) => {
        const changed = { ...fieldsOf(delivery), ...changes };
        originals.set(changed, delivery);
        return changed;
      };
      return {
        receive: async (max, call) => alter(await consumer.receive(max, call), change),
        settle: (batch, call) =>
          consumer.settle(
            batch.map((settlement) => ({ ...settlement, delivery: original(settlement.delivery) })),
            call,
          ),
        extend: async (batch, call) => {
          const lost = new Set(await consumer.extend?.(batch.map(original), call));
          return batch.filter((delivery) => lost.has(original(delivery)));
        },
      };
    },
  });
}

export type Change = (delivery: ReceivedMessage, changes: Partial<ReceivedMessage>) => ReceivedMessage;

/** Deliveries may have getters on their prototype, which spreading would miss. */
function fieldsOf(delivery: ReceivedMessage): ReceivedMessage {
  return {
    id: delivery.id,
    body: delivery.body,
    contentType: delivery.contentType,
    key: delivery.key,
    timestamp: delivery.timestamp,
    headers: delivery.headers,
    expiresAt: delivery.expiresAt,
    replyTo: delivery.replyTo,
    correlationId: delivery.correlationId,
    redeliveries: delivery.redeliveries,
    waitMs: delivery.waitMs,
    partition: delivery.partition,
    position: delivery.position,
    native: delivery.native,
  };
}
