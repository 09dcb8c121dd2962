import type { Contract } from "../api/contract.ts";
import type { OutgoingMessage } from "../api/middleware.ts";
import type { PublishOptions } from "../api/publisher.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Address } from "../spi/address.ts";
import type { Capabilities } from "../spi/capabilities.ts";
import type { Headers, WireMessage } from "../spi/message.ts";
import type { BatchOrder } from "./batch-order.ts";
import { encodeBody } from "./encode.ts";
import { copyHeaders } from "./headers.ts";
import { idSource, nextPublishToken } from "./ids.ts";
import { checkLimits } from "./limits.ts";
import { orderingKey } from "./ordering-key.ts";
import { checkText } from "./publish-options.ts";
import type { Reply } from "./reply.ts";

/** What request and reply add to a message. */
export interface ReplyFields {
  readonly replyTo?: string;
  /** Of core's own, beside the application's. */
  readonly headers?: Headers;
  readonly expiresAt?: number;
  /** Told of the size before it leaves, in bytes; refuses by throwing. */
  readonly checkSize?: (size: number) => void;
}

/** One publish as it was asked for, its options checked. */
export interface Wanted {
  readonly contract: Contract;
  readonly address: Address;
  readonly value: unknown;
  readonly options: PublishOptions;
  readonly reply: ReplyFields | undefined;
  readonly batch: { readonly order: BatchOrder; readonly index: number } | undefined;
}

/** A message that is ready to leave. */
export interface Written {
  readonly message: WireMessage;
  /** In bytes, as the limits count them. */
  readonly size: number;
}

const noHeaders: Readonly<Record<string, string>> = Object.freeze({});

/** Makes messages of what is to be published, and refuses those that the broker would not take. */
export class MessageWriter {
  readonly #clock: Clock;
  readonly #brokerNow: () => number;
  readonly #capabilities: Capabilities;
  readonly #nextId = idSource();

  constructor(clock: Clock, brokerNow: () => number, capabilities: Capabilities) {
    this.#clock = clock;
    this.#brokerNow = brokerNow;
    this.#capabilities = capabilities;
  }

  /** What a middleware sees of it. */
  outgoing({ contract, value, options }: Wanted): OutgoingMessage {
    return {
      kind: contract.kind,
      destination: contract.name,
      value,
      id: options.id ?? this.#nextId(),
      headers: { ...options.headers },
    };
  }

  /**
   * What travels, of a value that its schema has passed; with the id and headers that the middleware left.
   * An id that is made here belongs to this publish alone, so it serves as its token too.
   */
  write(wanted: Wanted, token?: string, outgoing?: OutgoingMessage): Written {
    const { contract, value, options, reply } = wanted;
    const now = this.#clock.now();
    let { id, headers = noHeaders } = options;
    if (outgoing !== undefined) {
      ({ id } = outgoing);
      checkText("id", id);
      headers = copyHeaders(outgoing.headers, this.#capabilities.limits.headers);
    }
    const publishToken = token ?? (id === undefined ? this.#nextId() : nextPublishToken());
    const written = this.#sized(contract.name, {
      id: id ?? publishToken,
      publishToken,
      body: encodeBody(contract, value, contract.name),
      contentType: contract.codec.contentType,
      key: orderingKey(contract, value),
      // Whole milliseconds: what has no place for a part of one on the wire must not be misread there.
      timestamp: Math.floor(options.timestamp ?? now),
      headers: reply?.headers === undefined ? headers : { ...headers, ...reply.headers },
      delayMs: Math.ceil(options.delayMs ?? 0),
      // By the broker's time: a wait for the connection counts, and clocks that differ do not.
      expiresAt:
        options.ttlMs === undefined ? reply?.expiresAt : Math.ceil(this.#brokerNow() + options.ttlMs),
      replyTo: reply?.replyTo,
      correlationId: options.correlationId,
    });
    reply?.checkSize?.(written.size);
    return written;
  }

  /** What a responder answers. */
  writeReply(inbox: Address, reply: Reply): Written {
    return this.#sized(inbox.name, {
      id: `${reply.correlationId}-reply`,
      publishToken: nextPublishToken(),
      body: reply.body,
      contentType: reply.contentType,
      key: undefined,
      timestamp: this.#clock.now(),
      headers: reply.headers,
      delayMs: 0,
      expiresAt: undefined,
      replyTo: undefined,
      correlationId: reply.correlationId,
    });
  }

  #sized(destination: string, message: WireMessage): Written {
    return { message, size: checkLimits(message, this.#capabilities, destination) };
  }
}
