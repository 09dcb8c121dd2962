import type { Delivery, Handler, Subscription } from "@waybill/core";

/** A handler that remembers what it got, and the subscription it runs in. */
export interface Collector<T> {
  /** In the order in which they reached the handler, every attempt included. */
  readonly deliveries: readonly Delivery<T>[];
  readonly values: readonly T[];
  readonly subscription: Subscription;
  /** Resolves with the first `count` deliveries once so many have come. */
  first(count: number, withinMs?: number): Promise<readonly Delivery<T>[]>;
}

/** Builds a collector around a subscription that `start` opens with the handler it is given. */
export async function collect<T>(
  start: (handler: Handler<T>) => Promise<Subscription>,
  handle: Handler<T> | undefined,
  eventually: <R>(what: () => string, condition: () => R, withinMs?: number) => Promise<R>,
): Promise<Collector<T>> {
  const deliveries: Delivery<T>[] = [];
  const values: T[] = [];
  const subscription = await start((value, delivery) => {
    deliveries.push(delivery);
    values.push(value);
    return handle?.(value, delivery);
  });
  return {
    deliveries,
    values,
    subscription,
    async first(count, withinMs) {
      await eventually(
        () => `${count} deliveries, and not ${deliveries.length}`,
        () => deliveries.length >= count,
        withinMs,
      );
      return deliveries.slice(0, count);
    },
  };
}
