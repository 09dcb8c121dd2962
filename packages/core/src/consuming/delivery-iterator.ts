import type { Delivery, Handler } from "../api/delivery.ts";
import { PostponedError } from "../api/postponed-error.ts";
import type { DeliveryIterator } from "../api/subscriber.ts";
import type { Subscription } from "../api/subscription.ts";
import { MessagingError } from "../errors/messaging-error.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Attempt } from "./attempt.ts";
import { enterLoopBody, type HandlerCall } from "./handler-call.ts";
import { type Demand, Takers } from "./takers.ts";

/** What the pull style needs of its subscription: deliveries only when one is asked for. */
export interface PulledSubscription extends Subscription {
  /** How many deliveries may be held unsettled by those who asked for them. */
  readonly concurrency: number;
  /** Nothing more is handed out before something is settled, though there may be more. */
  readonly isStuck: boolean;
  /** Somebody asks for the next delivery. */
  proceed(): void;
  /** A loop asks for the next delivery, and has not settled the one of this call. */
  letGo(call: HandlerCall): void;
  /** Closes, and waits for nobody. */
  leave(): Promise<void>;
}

export interface DeliveryIteratorContext {
  readonly clock: Clock;
  readonly onError: (error: MessagingError) => void;
}

/** How long a loop may wait for a delivery while it holds some, in milliseconds, before it is told that these keep it. */
const stalledMs = 10_000;

/**
 * The pull style on top of a subscription: a delivery starts when the loop asks for one, and its
 * turn ends when the application has settled it. What nobody asked for is only prefetched.
 */
export function deliveryIterator<T>(
  subscribe: (handler: Handler<T>, demand: Demand) => Promise<PulledSubscription>,
  { clock, onError }: DeliveryIteratorContext,
): DeliveryIterator<T> {
  const takers = new Takers<Delivery<T>>();
  let subscription: Promise<PulledSubscription> | undefined;
  let over = false;
  let toldOfStall = false;
  let failure: MessagingError | undefined;
  /** Of the delivery that was given out last. */
  let latest: HandlerCall | undefined;
  /** It asks for more before it settles what it has: others work on that. */
  let holdsSeveral = false;

  const end = (error: MessagingError | undefined) => {
    over = true;
    failure ??= error;
    takers.end();
  };

  const handler: Handler<T> = (_value, delivery) =>
    new Promise<void>((resolve, reject) => {
      // Its middleware asks once more, or it was taken back on the way: there is nothing left to settle.
      if (delivery.settlement !== undefined || delivery.signal.aborted) return resolve();
      const attempt = delivery as unknown as Attempt;
      attempt.outcome.onSettled = () => {
        // Whatever its middleware still does: whoever goes on from here holds nothing that closing waits for.
        attempt.call.isOver = true;
        resolve();
      };
      // Taken back or drained: nobody will settle it any more.
      delivery.signal.addEventListener("abort", () => resolve(), { once: true });
      if (!takers.give(delivery, attempt.inFlight)) reject(nobodyAsks());
    });

  const ready = () => {
    subscription ??= subscribe(handler, takers).then((begun) => {
      void begun.ended.then(end);
      return begun;
    });
    return subscription;
  };

  const tellStalled = ({ source, running }: PulledSubscription) => {
    if (toldOfStall) return;
    toldOfStall = true;
    onError(
      new MessagingError(
        "OVERLOADED",
        `A loop over "${source}" waits for a delivery, holds ${running} and settles none.`,
        {
          remedy:
            "Settle each delivery with ack, retry or reject, or raise `concurrency` or `prefetchBytes`.",
        },
      ),
    );
  };

  /** Looks now and then whether what the loop holds keeps it waiting. Returns how to stop. */
  const watch = (begun: PulledSubscription): (() => void) => {
    let timer: unknown;
    const schedule = () => {
      timer = clock.setTimeout(() => (begun.isStuck ? tellStalled(begun) : schedule()), stalledMs);
    };
    if (!toldOfStall && begun.running > 0) schedule();
    return () => clock.clearTimeout(timer);
  };

  const close = async () => {
    end(undefined);
    await (await subscription?.catch(() => undefined))?.leave();
  };

  return {
    ready,
    async next() {
      // After `return` nothing is begun any more.
      if (over && subscription === undefined) return { done: true, value: undefined };
      const begun = await ready();
      if (failure !== undefined) throw failure;
      if (over) return { done: true, value: undefined };
      if (latest?.isOver === false) {
        if (!holdsSeveral) begun.letGo(latest);
        if (begun.state !== "closing") holdsSeveral = true;
      }
      const stopWatching = watch(begun);
      const taken = takers.wait();
      begun.proceed();
      const result = await taken;
      stopWatching();
      if (!result.done) {
        latest = (result.value as unknown as Attempt).call;
        latest.isOneOfSeveral = holdsSeveral;
        return handedOut(result.value, latest);
      }
      if (failure !== undefined) throw failure;
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

/** Whoever takes the delivery out is from then on known as the one who works on it. */
function handedOut<T>(delivery: Delivery<T>, call: HandlerCall): IteratorResult<Delivery<T>> {
  return {
    done: false,
    get value() {
      enterLoopBody(call);
      return delivery;
    },
  };
}

/** It stays where it is until somebody does, and that costs it no attempt. */
function nobodyAsks(): PostponedError {
  return new PostponedError("Nobody asks for it any more.", { delayMs: 0 });
}
