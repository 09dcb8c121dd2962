import type { Contract } from "../api/contract.ts";
import { compose, type OutgoingMessage, type PublishMiddleware } from "../api/middleware.ts";
import type { PublishOptions, Receipt } from "../api/publisher.ts";
import type { Names } from "../connection/names.ts";
import { checkOptionNames } from "../errors/check-option-names.ts";
import {
  MessagingError,
  PartialFailureError,
  type PublishFailure,
  UnsupportedError,
} from "../errors/messaging-error.ts";
import type { Address } from "../spi/address.ts";
import type { Headers, WireMessage } from "../spi/message.ts";
import { normalise } from "../spi/normalise.ts";
import { DestinationSender, type DestinationSenderContext } from "./destination-sender.ts";
import { checkHeaders, checkLimits, encodeBody, type Validated, validate } from "./encode.ts";
import { idSource, nextPublishToken } from "./ids.ts";
import type { Reply } from "./reply.ts";

/** What request and reply add to a message. */
export interface ReplyFields {
  readonly replyTo?: string;
  readonly headers?: Headers;
  readonly expiresAt?: number;
}

const noOptions: PublishOptions = {};
const noHeaders: Readonly<Record<string, string>> = Object.freeze({});
const known = ["headers", "id", "timestamp", "correlationId", "signal", "delayMs", "ttlMs"];

/** The publishing half of a client: from a value to its place in an sender. */
export class Publishing {
  readonly #names: Names;
  readonly #context: DestinationSenderContext;
  readonly #nextId = idSource();
  readonly #middleware: ReturnType<typeof compose<OutgoingMessage, Receipt>>;
  readonly #senders = new Map<string, DestinationSender>();
  readonly #byAddress = new WeakMap<Address, DestinationSender>();
  /** The last message of a destination whose schema is still thinking, so that younger ones do not overtake it. */
  readonly #validating = new Map<Address, Promise<unknown>>();

  constructor(names: Names, context: DestinationSenderContext, middleware: readonly PublishMiddleware[]) {
    this.#names = names;
    this.#context = context;
    this.#middleware = compose(middleware);
  }

  publish(
    contract: Contract,
    value: unknown,
    options: PublishOptions = noOptions,
    reply?: ReplyFields,
  ): Promise<Receipt> {
    try {
      const address = this.#names.destination(contract);
      if (options !== noOptions) this.#checkOptions(options, address);
      if (this.#middleware === undefined && !this.#validating.has(address)) {
        const validated = validate(contract, value, contract.name);
        if (!(validated instanceof Promise)) return this.#put(contract, address, value, options, reply);
        return this.#putAfter(validated, contract, address, value, options, reply);
      }
      return this.#publishInSteps(contract, address, value, options, reply);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async publishBatch(
    contract: Contract,
    values: readonly unknown[],
    options?: PublishOptions,
  ): Promise<readonly Receipt[]> {
    if (!Array.isArray(values))
      throw new MessagingError("INVALID_ARGUMENT", "A batch is an array of values.");
    if (options?.id !== undefined) {
      throw new MessagingError("INVALID_ARGUMENT", "One `id` cannot be that of a whole batch.", {
        remedy: "Leave it away.",
      });
    }
    const address = this.#names.destination(contract);
    if (options !== undefined) this.#checkOptions(options, address);
    const results = await Promise.allSettled(values.map((value) => this.publish(contract, value, options)));
    const failures: PublishFailure[] = [];
    const receipts: Receipt[] = [];
    results.forEach((result, index) => {
      if (result.status === "fulfilled") receipts.push(result.value);
      else failures.push({ index, error: normalise(this.#context.driver, result.reason) });
    });
    if (failures.length > 0) throw new PartialFailureError(failures, values.length);
    return receipts;
  }

  /** Sends what a responder answers. */
  reply(inbox: Address, reply: Reply): Promise<Receipt> {
    const message: WireMessage = {
      id: `${reply.correlationId}-reply`,
      publishToken: nextPublishToken(),
      body: reply.body,
      contentType: reply.contentType,
      key: undefined,
      timestamp: this.#context.clock.now(),
      headers: reply.headers,
      delayMs: 0,
      expiresAt: undefined,
      replyTo: undefined,
      correlationId: reply.correlationId,
    };
    const size = checkLimits(message, this.#context.driver.capabilities, inbox.name);
    return this.sender(inbox).add(message, size);
  }

  /** The one sender of a destination. */
  sender(address: Address): DestinationSender {
    let sender = this.#byAddress.get(address);
    if (sender !== undefined) return sender;
    const name = `${address.kind} ${address.brokerName} ${address.brokerGroup ?? ""}`;
    sender = this.#senders.get(name);
    if (sender === undefined) {
      // A requester's inbox is written to for a while and never again: keeping it would be a leak.
      const onRest = address.kind === "inbox" ? () => this.#senders.delete(name) : undefined;
      sender = new DestinationSender(address, this.#context, onRest);
      this.#senders.set(name, sender);
    }
    if (address.kind !== "inbox") this.#byAddress.set(address, sender);
    return sender;
  }

  /** The destination was taken away: it is looked at again before the next message. */
  forget(address: Address): void {
    for (const sender of this.#senders.values()) {
      if (sender.address.brokerName === address.brokerName) sender.forgetPrepared();
    }
  }

  /** Why messages have to be sent again, if they have. */
  get trouble(): MessagingError | undefined {
    for (const sender of this.#senders.values()) if (sender.trouble !== undefined) return sender.trouble;
    return undefined;
  }

  /** Resolves when all that was published is confirmed or has failed. */
  async flush(): Promise<void> {
    while (this.#context.budget.messages > 0) {
      await Promise.all([...this.#senders.values()].map((sender) => sender.idle()));
      if (this.#context.budget.messages > 0)
        await new Promise((resolve) => this.#context.clock.setTimeout(() => resolve(undefined), 5));
    }
  }

  close(): void {
    for (const sender of this.#senders.values()) sender.close();
  }

  async #putAfter(
    validated: Promise<Validated>,
    contract: Contract,
    address: Address,
    value: unknown,
    options: PublishOptions,
    reply: ReplyFields | undefined,
  ): Promise<Receipt> {
    const before = this.#validating.get(address);
    const turn = Promise.allSettled([before, validated]);
    this.#validating.set(address, turn);
    await turn;
    if (this.#validating.get(address) === turn) this.#validating.delete(address);
    await validated;
    return this.#put(contract, address, value, options, reply);
  }

  async #publishInSteps(
    contract: Contract,
    address: Address,
    value: unknown,
    options: PublishOptions,
    reply: ReplyFields | undefined,
  ): Promise<Receipt> {
    const send = (outgoing?: OutgoingMessage) =>
      this.#putAfter(
        Promise.resolve(validate(contract, value, contract.name)),
        contract,
        address,
        value,
        outgoing === undefined ? options : { ...options, id: outgoing.id, headers: outgoing.headers },
        reply,
      );
    if (this.#middleware === undefined) return send();
    const outgoing: OutgoingMessage = {
      kind: contract.kind,
      destination: contract.name,
      value,
      id: options.id ?? this.#nextId(),
      headers: { ...options.headers },
    };
    return this.#middleware(outgoing, async () => {
      checkHeaders(outgoing.headers);
      return send(outgoing);
    });
  }

  #put(
    contract: Contract,
    address: Address,
    value: unknown,
    options: PublishOptions,
    reply: ReplyFields | undefined,
  ): Promise<Receipt> {
    const now = this.#context.clock.now();
    const message: WireMessage = {
      id: options.id ?? this.#nextId(),
      publishToken: nextPublishToken(),
      body: encodeBody(contract, value, contract.name),
      contentType: contract.codec.contentType,
      key: contract.key === undefined ? undefined : keyOf(contract, value),
      // Whole milliseconds: what has no place for a part of one on the wire must not be misread there.
      timestamp: Math.floor(options.timestamp ?? now),
      headers:
        reply?.headers === undefined
          ? (options.headers ?? noHeaders)
          : { ...options.headers, ...reply.headers },
      delayMs: Math.ceil(options.delayMs ?? 0),
      expiresAt: options.ttlMs === undefined ? reply?.expiresAt : Math.ceil(now + options.ttlMs),
      replyTo: reply?.replyTo,
      correlationId: options.correlationId,
    };
    const size = checkLimits(message, this.#context.driver.capabilities, contract.name);
    return this.sender(address).add(message, size, options.signal);
  }

  #checkOptions(options: PublishOptions, address: Address): void {
    checkOptionNames("publish", options, known);
    const { driver } = this.#context;
    const { features } = driver.capabilities;
    const { delayMs, ttlMs, headers, id, timestamp, correlationId } = options;
    if (headers !== undefined) checkHeaders(headers);
    checkText("id", id);
    checkText("correlationId", correlationId);
    checkDuration("timestamp", timestamp, Number.MAX_SAFE_INTEGER);
    if (delayMs !== undefined) {
      if (features.delay === undefined)
        throw new UnsupportedError("`delayMs`", driver.name, "Publish it when it is due.");
      checkDuration("delayMs", delayMs, features.delay.maxMs);
      if (delayMs > 0 && address.ordered) {
        throw new MessagingError(
          "INVALID_ARGUMENT",
          `"${address.name}" keeps order per key, and a delay would break it.`,
          {
            remedy: "Send delayed messages to a contract without a key.",
          },
        );
      }
    }
    if (ttlMs !== undefined) {
      if (features.ttl === undefined)
        throw new UnsupportedError("`ttlMs`", driver.name, "Check the message's timestamp in the handler.");
      checkDuration("ttlMs", ttlMs, Number.MAX_SAFE_INTEGER);
    }
  }
}

function keyOf(contract: Contract, value: unknown): string | undefined {
  let key: unknown;
  try {
    key = contract.key?.(value);
  } catch (cause) {
    throw new MessagingError("INVALID_ARGUMENT", `The key function of "${contract.name}" threw.`, { cause });
  }
  if (key === undefined || (typeof key === "string" && key !== "" && key.isWellFormed())) return key;
  throw new MessagingError(
    "INVALID_ARGUMENT",
    `The ordering key for "${contract.name}" is not a non-empty string.`,
    {
      remedy: "Return a string, or undefined for a message without a key.",
    },
  );
}

function checkText(name: string, value: unknown): void {
  if (value === undefined || (typeof value === "string" && value !== "" && value.isWellFormed())) return;
  throw new MessagingError("INVALID_ARGUMENT", `\`${name}\` takes a non-empty string.`);
}

function checkDuration(name: string, value: unknown, most: number): void {
  if (value === undefined || (typeof value === "number" && value >= 0 && value <= most)) return;
  throw new MessagingError(
    "INVALID_ARGUMENT",
    `\`${name}\` takes a number from 0 to ${most}, not ${String(value)}.`,
  );
}
