import type {
  Address,
  Call,
  Connection,
  Consumer,
  PublishOutcome,
  ReceivedMessage,
  SettleOutcome,
  WireMessage,
} from "@waybill/core/spi";

/** A call that nobody gives up on. */
export const call: Call = { signal: new AbortController().signal };

/** Publishes what must not fail. */
export async function publish(
  connection: Connection,
  to: Address,
  batch: readonly WireMessage[],
): Promise<readonly PublishOutcome[]> {
  const outcomes = await connection.publish(to, batch, call);
  for (const outcome of outcomes) if (!outcome.ok) throw outcome.cause;
  return outcomes;
}

/** Receives until there are so many, or until the time is over. */
export async function receive(
  consumer: Consumer,
  count: number,
  withinMs = 20_000,
): Promise<readonly ReceivedMessage[]> {
  const deliveries: ReceivedMessage[] = [];
  const deadline = { signal: AbortSignal.timeout(withinMs) };
  while (deliveries.length < count && !deadline.signal.aborted)
    deliveries.push(...(await consumer.receive(count - deliveries.length, deadline)));
  return deliveries;
}

/** Receives whatever comes within this time. */
export function receiveFor(consumer: Consumer, ms: number): Promise<readonly ReceivedMessage[]> {
  return receive(consumer, Number.POSITIVE_INFINITY, ms);
}

/** Receives until there are so many, or until the time is over, and acks all of them as they come. */
export async function take(
  consumer: Consumer,
  count: number,
  withinMs = 20_000,
): Promise<readonly ReceivedMessage[]> {
  const taken: ReceivedMessage[] = [];
  const deadline = { signal: AbortSignal.timeout(withinMs) };
  while (taken.length < count && !deadline.signal.aborted) {
    const deliveries = await consumer.receive(count - taken.length, deadline);
    taken.push(...deliveries);
    if (deliveries.length > 0) await ack(consumer, deliveries);
  }
  return taken;
}

export function ack(
  consumer: Consumer,
  deliveries: readonly ReceivedMessage[],
): Promise<readonly SettleOutcome[]> {
  const batch = deliveries.map((delivery) => ({ delivery, outcome: "ack" as const }));
  return consumer.settle(batch, call);
}

/** Hands back, to come again after this time. Only where retry is native. */
export function retry(
  consumer: Consumer,
  deliveries: readonly ReceivedMessage[],
  delayMs: number,
): Promise<readonly SettleOutcome[]> {
  const batch = deliveries.map((delivery) => ({ delivery, outcome: "retry" as const, delayMs }));
  return consumer.settle(batch, call);
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until it is so, and fails if it takes too long. */
export async function until(condition: () => boolean | Promise<boolean>, withinMs = 20_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error("It did not come true in time.");
    await sleep(20);
  }
}
