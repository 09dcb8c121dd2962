import type { SettleOutcome } from "@waybill/core/spi";
import type { Service } from "../client/service.ts";
import type { GooglePubsubDelivery } from "../delivery.ts";
import { status, statusOf } from "../errors.ts";

/** Ids are about 200 bytes long, and a request has 512 KiB. */
const mostAtOnce = 1_000;

/** Acks deliveries of any subscriptions, and writes down at `indexes` what became of them. */
export async function acknowledge(
  service: Service,
  deliveries: readonly GooglePubsubDelivery[],
  indexes: readonly number[],
  outcomes: SettleOutcome[],
): Promise<void> {
  const calls: Promise<void>[] = [];
  for (const positions of bySubscription(deliveries)) {
    for (let start = 0; start < positions.length; start += mostAtOnce) {
      calls.push(
        acknowledgeSome(service, deliveries, indexes, positions.slice(start, start + mostAtOnce), outcomes),
      );
    }
  }
  await Promise.all(calls);
}

async function acknowledgeSome(
  service: Service,
  deliveries: readonly GooglePubsubDelivery[],
  indexes: readonly number[],
  positions: readonly number[],
  outcomes: SettleOutcome[],
): Promise<void> {
  const some = positions.map((position) => deliveries[position] as GooglePubsubDelivery);
  let cause: unknown;
  try {
    await service.acknowledge(
      (some[0] as GooglePubsubDelivery).subscription,
      some.map(({ ackId }) => ackId),
    );
  } catch (thrown) {
    cause = thrown;
  }
  const failures = failuresOf(cause);
  positions.forEach((position, at) => {
    const failure = failures === undefined ? undefined : failures[(some[at] as GooglePubsubDelivery).ackId];
    outcomes[indexes[position] as number] =
      cause === undefined || (failures !== undefined && failure === undefined)
        ? "settled"
        : failure === undefined
          ? { cause }
          : outcomeOf(failure, cause);
  });
}

/**
 * Under exactly-once delivery the service tells for each id what went wrong; the
 * others were acked. https://cloud.google.com/pubsub/docs/exactly-once-delivery
 */
export function failuresOf(cause: unknown): Readonly<Record<string, string>> | undefined {
  if (!(cause instanceof Error) || !("errorInfoMetadata" in cause)) return undefined;
  const found = cause.errorInfoMetadata as Readonly<Record<string, string>> | undefined;
  const known = Object.values(found ?? {}).some((text) =>
    /^(PERMANENT|TRANSIENT)_FAILURE/.test(String(text)),
  );
  return known ? found : undefined;
}

/** Nothing that is done with this id will work again. */
export function isPermanent(failure: string): boolean {
  return !failure.startsWith("TRANSIENT");
}

function outcomeOf(failure: string, cause: unknown): SettleOutcome {
  if (isPermanent(failure)) return "lost";
  return { cause: statusOf(cause) === status.FAILED_PRECONDITION ? transient(failure) : cause };
}

/** The whole call is refused with a status that would be final; for this id it is not. */
function transient(failure: string): Error {
  return Object.assign(new Error(`The service could not take an ack: ${failure}.`), {
    code: status.UNAVAILABLE,
  });
}

/** Positions in the list, those of one subscription together. */
function bySubscription(deliveries: readonly GooglePubsubDelivery[]): Iterable<number[]> {
  const found = new Map<string, number[]>();
  deliveries.forEach(({ subscription }, position) => {
    const positions = found.get(subscription);
    if (positions === undefined) found.set(subscription, [position]);
    else positions.push(position);
  });
  return found.values();
}
