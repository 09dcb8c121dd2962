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
import { bodyCopy } from "./body-copy.ts";
import type { DestinationSender } from "./destination-sender.ts";
import type { DestinationSenderContext } from "./destination-sender-context.ts";
import { nextPublishToken } from "./ids.ts";
import { MessageWriter, type ReplyFields, type Wanted } from "./message-writer.ts";
import { orderingKeyIfAny } from "./ordering-key.ts";
import type { Entering, PendingPublish } from "./pending-publish.ts";
import { isPartOf } from "./publish-call.ts";
import { PublishInSteps, type StepsContext } from "./publish-in-steps.ts";
import { checkedOptions } from "./publish-options.ts";
import type { Reply } from "./reply.ts";
import { SenderCache } from "./sender-cache.ts";
import { StepsUnderWay } from "./steps-under-way.ts";
import { TurnChains } from "./turn-chains.ts";
import { type Validated, validate } from "./validate.ts";

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
    this.#writer = new MessageWriter(clock, driver.capabilities);
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

  close(): void {
    this.#steps.underWay.close();
    for (const sender of this.#senders) sender.close();
  }

  /** Refuses by throwing. */
  #begin(wanted: Wanted): Promise<Receipt> {
    const { contract, address, value, options } = wanted;
    if (options.signal?.aborted) throw aborted(options.signal);
    if (this.#middleware !== undefined || this.#turns.isBusy(address)) return this.#inSteps(wanted);
    const validated = validate(contract, value, contract.name);
    if (validated instanceof Promise) {
      // The steps hear of its failure; unless there is no room for them.
      validated.catch(() => {});
      return this.#inSteps(wanted, validated);
    }
    const { message, size } = this.#writer.write(wanted);
    if (wanted.batch === undefined) return this.sender(address).add(message, size, options.signal);
    return new Promise((resolve, reject) => {
      const entering = { message, size, deadline: undefined, resolve, reject };
      const entry = this.#enter(wanted, entering);
      if (options.signal !== undefined) entry?.abortWith(options.signal);
    });
  }

  /** Into its sender, as one of its batch if there is one. */
  #enter({ address, batch }: Wanted, entering: Entering): PendingPublish | undefined {
    const sender = this.sender(address);
    if (batch === undefined) return sender.enter(entering);
    const { order, index } = batch;
    const { key } = entering.message;
    const refusal = order.refusal(key, index);
    if (refusal !== undefined) {
      entering.reject(refusal);
      return undefined;
    }
    const entry = sender.enter({
      ...entering,
      resolve: (receipt) => {
        order.stored(key, index);
        entering.resolve(receipt);
      },
      reject: (error) => {
        order.failed(key, index, error);
        entering.reject(error);
      },
    });
    if (entry !== undefined) order.entered(key, index, entry);
    return entry;
  }

  #inSteps(given: Wanted, validated?: Promise<Validated>): Promise<Receipt> {
    const { contract, address, options, batch, value } = given;
    // Bytes that the application goes on to use are not what is sent: they are copied.
    const wanted = value instanceof Uint8Array ? { ...given, value: bodyCopy(value) } : given;
    const key = orderingKeyIfAny(contract, value);
    const outgoing = this.#middleware === undefined ? undefined : this.#writer.outgoing(wanted);
    const token = nextPublishToken();
    const finish = () => this.#writer.write(wanted, token, outgoing);
    const { receipt } = new PublishInSteps(
      {
        name: contract.name,
        signal: options.signal,
        middleware: this.#middleware,
        outgoing,
        enterTurn: () => this.#turns.enter(address, key === undefined ? "" : `key ${key}`),
        finish: () => {
          const checked = validated ?? validate(contract, wanted.value, contract.name);
          return checked instanceof Promise ? checked.then(finish) : finish();
        },
        leave: (entering) => this.#enter(wanted, entering),
        failed: (error) => batch?.order.failed(key, batch.index, error),
      },
      this.#steps,
    );
    return receipt;
  }
}

/** What an application's own code threw on the way, where nothing else has named it. */
function asMessagingError(thrown: unknown): MessagingError {
  if (MessagingError.isInstance(thrown)) return thrown;
  return new MessagingError("INVALID_ARGUMENT", `This publish cannot be read: ${thrownText(thrown)}.`, {
    remedy: "Give plain objects as options.",
    cause: thrown,
  });
}
