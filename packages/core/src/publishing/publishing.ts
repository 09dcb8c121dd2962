import type { Contract } from "../api/contract.ts";
import { compose, type OutgoingMessage, type PublishMiddleware } from "../api/middleware.ts";
import type { PublishOptions, Receipt } from "../api/publisher.ts";
import type { Names } from "../connection/names.ts";
import { aborted } from "../errors/ended.ts";
import { thrownText } from "../errors/error-text.ts";
import { MessagingError, PartialFailureError, type PublishFailure } from "../errors/messaging-error.ts";
import { readable } from "../errors/readable.ts";
import type { Address } from "../spi/address.ts";
import { BatchOrder } from "./batch-order.ts";
import { decodeBody } from "./decode.ts";
import type { DestinationSender } from "./destination-sender.ts";
import type { DestinationSenderContext } from "./destination-sender-context.ts";
import { nextPublishToken } from "./ids.ts";
import {
  MessageWriter,
  type ReplyFields,
  type Snapshot,
  type Wanted,
  type Written,
} from "./message-writer.ts";
import { orderingKeyIfAny } from "./ordering-key.ts";
import { Outgoing } from "./outgoing.ts";
import type { Entering, PendingPublish } from "./pending-publish.ts";
import { isPartOf } from "./publish-call.ts";
import { PublishInSteps, type StepsContext } from "./publish-in-steps.ts";
import { checkedOptions } from "./publish-options.ts";
import type { Reply } from "./reply.ts";
import { SenderCache } from "./sender-cache.ts";
import { StepsUnderWay } from "./steps-under-way.ts";
import { Turn, TurnChains } from "./turn-chains.ts";

const noOptions: PublishOptions = {};

/** The publishing half of a client: from a value to its place in a sender. */
export class Publishing {
  readonly #names: Names;
  readonly #context: DestinationSenderContext;
  readonly #writer: MessageWriter;
  readonly #middleware: ReturnType<typeof compose<OutgoingMessage, Receipt, []>>;
  readonly #senders: SenderCache;
  readonly #turns = new TurnChains<Address>();
  readonly #steps: StepsContext;

  constructor(names: Names, context: DestinationSenderContext, middleware: readonly PublishMiddleware[]) {
    this.#names = names;
    this.#context = context;
    this.#middleware = compose(middleware);
    this.#senders = new SenderCache(context);
    const { clock, budget, timeoutMs, driver } = context;
    this.#writer = new MessageWriter(clock, () => context.connector.brokerNow(), driver.capabilities);
    this.#steps = { clock, budget, timeoutMs, underWay: new StepsUnderWay(clock) };
  }

  publish(
    contract: Contract,
    value: unknown,
    options: PublishOptions = noOptions,
    reply?: ReplyFields,
  ): Promise<Receipt> {
    try {
      const address = this.#names.destination(contract);
      const checked =
        options === noOptions ? noOptions : checkedOptions(options, address, this.#context.driver);
      return this.#begin({ contract, address, value, options: checked, reply, batch: undefined });
    } catch (error) {
      return Promise.reject(asMessagingError(error));
    }
  }

  /**
   * What is published later, as it is now.
   * @throws MessagingError for what cannot travel
   */
  snapshot(contract: Contract, value: unknown): Snapshot {
    return this.#writer.snapshot(contract, value);
  }

  async publishBatch(
    contract: Contract,
    values: readonly unknown[],
    options: PublishOptions = noOptions,
  ): Promise<readonly Receipt[]> {
    const given = readable("The batch", () => (Array.isArray(values) ? Array.from(values) : undefined));
    if (given === undefined) {
      throw new MessagingError("INVALID_ARGUMENT", "A batch is an array of values.", {
        remedy: "Pass an array.",
      });
    }
    let address: Address;
    let checked = options;
    try {
      address = this.#names.destination(contract);
      if (options !== noOptions) checked = checkedOptions(options, address, this.#context.driver);
    } catch (error) {
      throw asMessagingError(error);
    }
    if (checked.id !== undefined) {
      throw new MessagingError("INVALID_ARGUMENT", "One `id` cannot be that of a whole batch.", {
        remedy: "Leave it away.",
      });
    }
    const order = contract.ordered ? new BatchOrder() : undefined;
    const publishes = given.map((value, index) => {
      const batch = order === undefined ? undefined : { order, index };
      const wanted = { contract, address, value, options: checked, reply: undefined, batch };
      try {
        return this.#begin(wanted);
      } catch (thrown) {
        const error = asMessagingError(thrown);
        order?.failed(orderingKeyIfAny(contract, value), index, error);
        return Promise.reject(error);
      }
    });
    const results = await Promise.allSettled(publishes);
    const failures: PublishFailure[] = [];
    const receipts: Receipt[] = [];
    results.forEach((result, index) => {
      if (result.status === "fulfilled") receipts.push(result.value);
      else failures.push({ index, error: this.#inBatch(asMessagingError(result.reason), given.length) });
    });
    if (failures.length > 0) throw new PartialFailureError(failures, given.length);
    return receipts;
  }

  /** A batch that never had room as a whole is told so. */
  #inBatch(error: MessagingError, size: number): MessagingError {
    const { maxMessages } = this.#context.budget;
    if (error.code !== "OVERLOADED" || size <= maxMessages) return error;
    return new MessagingError(
      "OVERLOADED",
      `A batch of ${size} messages is more than may await confirmation at once, which is ${maxMessages}.`,
      {
        remedy: "Publish smaller batches one after the other, or raise `maxPending.messages`.",
        cause: error,
      },
    );
  }

  /** Sends what a responder answers. */
  reply(inbox: Address, reply: Reply): Promise<Receipt> {
    const { message, size } = this.#writer.writeReply(inbox, reply);
    return this.sender(inbox).add(message, size);
  }

  /** The one sender of a destination. */
  sender(address: Address): DestinationSender {
    return this.#senders.get(address);
  }

  /** The destination was taken away: it is looked at again before the next message. */
  forget(address: Address): void {
    this.#context.forget(address);
    for (const sender of this.#senders) {
      if (sender.address.brokerName === address.brokerName) sender.forgetPrepared();
    }
  }

  /** Why messages have to be sent again, if they have. */
  get trouble(): MessagingError | undefined {
    return this.#senders.trouble;
  }

  /** The running code is part of a publish middleware. */
  get isInMiddleware(): boolean {
    return isPartOf(this.#steps.underWay);
  }

  /** Resolves when all that was published is confirmed or has failed. */
  flush(): Promise<void> {
    return this.#context.budget.idle();
  }

  /** Whether a publish is in its middleware, or its schema takes its time. */
  get isInSteps(): boolean {
    return this.#steps.underWay.isBusy;
  }

  close(): void {
    this.#steps.underWay.close();
    for (const sender of this.#senders) sender.close();
  }

  /** Refuses by throwing. What is sent is written here: later, the value may be another. */
  #begin(wanted: Wanted): Promise<Receipt> {
    const { address, options, batch } = wanted;
    if (options.signal?.aborted) throw aborted(options.signal);
    let written: Written | Promise<never>;
    try {
      written = this.#writer.write(wanted);
    } catch (error) {
      if (this.#middleware === undefined) throw error;
      // A middleware hears of it.
      written = Promise.reject(asMessagingError(error));
      written.catch(() => {});
    }
    if (this.#middleware !== undefined || written instanceof Promise || written.checked !== undefined)
      return this.#inSteps(wanted, written);
    const { message, size } = written;
    if (message.key !== undefined && this.#turns.isBusy(address, message.key))
      return this.#inSteps(wanted, written);
    if (batch === undefined) return this.sender(address).add(message, size, options.signal);
    return new Promise((resolve, reject) => {
      const entering = { message, size, isCounted: false, deadline: undefined, resolve, reject };
      const entry = this.#enter(wanted, entering);
      if (options.signal !== undefined) entry?.abortWith(options.signal);
    });
  }

  /** Into its sender, as one of its batch if there is one. */
  #enter(
    { address, batch }: Pick<Wanted, "address" | "batch">,
    entering: Entering,
  ): PendingPublish | undefined {
    const sender = this.sender(address);
    const { message, size, isCounted, deadline, resolve, reject } = entering;
    if (batch === undefined) return sender.enter(message, size, isCounted, deadline, resolve, reject);
    const { order, index } = batch;
    const { key } = message;
    const refusal = order.refusal(key, index);
    if (refusal !== undefined) {
      reject(refusal);
      return undefined;
    }
    const stored = (receipt: Receipt) => {
      order.stored(key, index);
      resolve(receipt);
    };
    const failed = (error: MessagingError) => {
      order.failed(key, index, error);
      reject(error);
    };
    const entry = sender.enter(message, size, isCounted, deadline, stored, failed);
    if (entry !== undefined) order.entered(key, index, entry);
    return entry;
  }

  #inSteps(wanted: Wanted, written: Written | Promise<never>): Promise<Receipt> {
    const { contract, address, options, batch, reply } = wanted;
    const ready = written instanceof Promise ? undefined : written;
    const key = ready === undefined ? orderingKeyIfAny(contract, wanted.value) : ready.message.key;
    const outgoing = this.#middleware === undefined ? undefined : this.#outgoing(wanted, ready);
    const { receipt } = new PublishInSteps(
      {
        name: contract.name,
        size: ready?.size ?? 0,
        signal: options.signal,
        middleware: this.#middleware,
        outgoing: outgoing?.message,
        // Without a key there is no order to keep, and nobody to wait for.
        enterTurn: () =>
          key === undefined ? new Turn(undefined, () => {}) : this.#turns.enter(address, key),
        finish: () => {
          if (written instanceof Promise) return written;
          outgoing?.check();
          const finished =
            outgoing === undefined
              ? written
              : this.#writer.withChanges(written, outgoing.message, contract.name, reply);
          return written.checked === undefined ? finished : written.checked.then(() => finished);
        },
        leave: (entering) => this.#enter({ address, batch }, entering),
        failed: (error) => batch?.order.failed(key, batch.index, error),
      },
      this.#steps,
    );
    return receipt;
  }

  /** What a middleware is shown: a value of its own, or, of what cannot travel, the application's. */
  #outgoing({ contract, options, value }: Wanted, ready: Written | undefined): Outgoing {
    const own = {
      id: ready?.message.id ?? options.id ?? nextPublishToken(),
      headers: { ...options.headers },
    };
    if (ready === undefined) return new Outgoing(contract, own, returns(value), false);
    const { body } = ready.message;
    return new Outgoing(contract, own, () => decodeBody(contract, body), true);
  }
}

/** A closure of its own: none but this keeps the value. */
function returns(value: unknown): () => unknown {
  return () => value;
}

/** What an application's own code threw on the way, where nothing else has named it. */
function asMessagingError(thrown: unknown): MessagingError {
  if (MessagingError.isInstance(thrown)) return thrown;
  return new MessagingError("INVALID_ARGUMENT", `This publish cannot be read: ${thrownText(thrown)}.`, {
    remedy: "Give plain objects as options.",
    cause: thrown,
  });
}
