import type { Delivery, Handler } from "../api/delivery.ts";
import type { DeliveryIterator } from "../api/subscriber.ts";
import type { Subscription } from "../api/subscription.ts";
import type { MessagingError } from "../errors/messaging-error.ts";
import { Deque } from "../runtime/deque.ts";
import type { Attempt } from "./attempt.ts";

/**
 * The pull style on top of a subscription: each handler call waits in line for the
 * loop, and ends when the application has settled the delivery.
 */
export function deliveryIterator<T>(
  subscribe: (handler: Handler<T>) => Promise<Subscription>,
): DeliveryIterator<T> {
  const line = new Deque<Delivery<T>>();
  const takers = new Deque<(result: IteratorResult<Delivery<T>>) => void>();
  let subscription: Promise<Subscription> | undefined;
  let over = false;
  let failure: MessagingError | undefined;

  const end = (error: MessagingError | undefined) => {
    over = true;
    failure ??= error;
    for (let take = takers.shift(); take !== undefined; take = takers.shift())
      take({ done: true, value: undefined });
  };

  const handler: Handler<T> = (_value, delivery) =>
    new Promise<void>((resolve) => {
      (delivery as unknown as Attempt).onSettled = resolve;
      // Taken back or drained: nobody will settle it any more.
      delivery.signal.addEventListener("abort", () => resolve(), { once: true });
      const take = takers.shift();
      if (take === undefined) line.push(delivery);
      else take({ done: false, value: delivery });
    });

  const ready = () => {
    subscription ??= subscribe(handler).then((begun) => {
      void begun.ended.then(end);
      return begun;
    });
    return subscription;
  };

  const close = async () => {
    end(undefined);
    await (await subscription?.catch(() => undefined))?.close({ timeoutMs: 0 });
  };

  return {
    ready,
    async next() {
      // After `return` nothing is begun any more.
      if (!over || subscription !== undefined) await ready();
      for (let delivery = line.shift(); delivery !== undefined; delivery = line.shift()) {
        if (!delivery.signal.aborted) return { done: false, value: delivery };
      }
      if (failure !== undefined) throw failure;
      if (over) return { done: true, value: undefined };
      const result = await new Promise<IteratorResult<Delivery<T>>>((resolve) => takers.push(resolve));
      if (result.done && failure !== undefined) throw failure;
      return result;
    },
    async return() {
      await close();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
    [Symbol.asyncDispose]: close,
  };
}
