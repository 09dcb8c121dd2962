import type {
  Address,
  Call,
  Connection,
  Consumer,
  ConsumerHooks,
  PublishOutcome,
  ReceivedMessage,
  SettleOutcome,
  Source,
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

/** Starts a consumer. What is not given is as core would have it most of the time. */
export function consume(
  connection: Connection,
  address: Address,
  { revoking, revoked, ...fields }: Partial<Omit<Source, "address"> & ConsumerHooks> = {},
): Promise<Consumer> {
  const source: Source = {
    address,
    start: { from: "latest" },
    filter: undefined,
    prefetch: 100,
    prefetchBytes: 64_000_000,
    ...fields,
  };
  const hooks = { revoking: revoking ?? (async () => {}), revoked: revoked ?? (() => {}) };
  return connection.consume(source, hooks, call);
}

/** Receives until there are so many, or until the time is over. */
export function receive(
  consumer: Consumer,
  count: number,
  timeoutMs = 20_000,
): Promise<readonly ReceivedMessage[]> {
  return collect(consumer, count, timeoutMs, async () => {});
}

/** Receives whatever comes within this time. */
export function receiveFor(consumer: Consumer, ms: number): Promise<readonly ReceivedMessage[]> {
  return receive(consumer, Number.POSITIVE_INFINITY, ms);
}

/** Receives until there are so many, or until the time is over, and acks all of them as they come. */
export function take(
  consumer: Consumer,
  count: number,
  timeoutMs = 20_000,
): Promise<readonly ReceivedMessage[]> {
  return collect(consumer, count, timeoutMs, (deliveries) => ack(consumer, deliveries));
}

async function collect(
  consumer: Consumer,
  count: number,
  timeoutMs: number,
  handle: (deliveries: readonly ReceivedMessage[]) => Promise<unknown>,
): Promise<readonly ReceivedMessage[]> {
  const collected: ReceivedMessage[] = [];
  const deadline = { signal: AbortSignal.timeout(timeoutMs) };
  while (collected.length < count && !deadline.signal.aborted) {
    const deliveries = await consumer.receive(count - collected.length, deadline);
    collected.push(...deliveries);
    if (deliveries.length > 0) await handle(deliveries);
  }
  return collected;
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
