import type { Contract } from "../api/contract.ts";
import type { OutgoingMessage } from "../api/middleware.ts";
import type { PublishOptions } from "../api/publisher.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Address } from "../spi/address.ts";
import type { Capabilities } from "../spi/capabilities.ts";
import type { Headers, WireMessage } from "../spi/message.ts";
import type { BatchOrder } from "./batch-order.ts";
import { type CheckedBody, checkedBody, isAsynchronous } from "./checked-body.ts";
import { copyHeaders } from "./headers.ts";
import { idSource, nextPublishToken } from "./ids.ts";
import { checkLimits } from "./limits.ts";
import { orderingKey } from "./ordering-key.ts";
import type { Reply } from "./reply.ts";
import { validate } from "./validate.ts";

/** A value as it was at one moment. */
export interface Snapshot extends CheckedBody {
  readonly key: string | undefined;
}

/** What request and reply add to a message. */
export interface ReplyFields {
  readonly replyTo?: string;
  /** The value as it was when it was asked with, however late, and however often, it is sent. */
  readonly snapshot?: Snapshot;
  /** Of core's own, beside the application's. */
  readonly headers?: Headers;
  readonly expiresAt?: number;
  /** Told of the size before it leaves, in bytes. */
  readonly onSize?: (size: number) => void;
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
  /** Rejects if the schema, which takes its time, refuses it. */
  readonly checked: Promise<void> | undefined;
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

  /** @throws MessagingError for what cannot travel */
  snapshot(contract: Contract, value: unknown): Snapshot {
    const { body, checked } = checkedBody(contract, value, contract.name);
    return { body, checked, key: orderingKey(contract, value) };
  }

  /**
   * What travels, of a value as it is now. A promise that rejects where the schema takes its time
   * to say what is wrong with what cannot travel.
   * @throws MessagingError for what is refused at once
   */
  write(wanted: Wanted): Written | Promise<never> {
    try {
      return this.#write(wanted);
    } catch (error) {
      const { contract, value } = wanted;
      if (!isAsynchronous(contract)) throw error;
      const answer = validate(contract, value, contract.name);
      if (!(answer instanceof Promise)) throw error;
      const refused = answer.then(() => {
        throw error;
      });
      refused.catch(() => {});
      return refused;
    }
  }

  /** An id that is made here belongs to this publish alone, so it serves as its token too. */
  #write({ contract, value, options, reply }: Wanted): Written {
    const now = this.#clock.now();
    const { id, headers = noHeaders } = options;
    const publishToken = id === undefined ? this.#nextId() : nextPublishToken();
    const taken = reply?.snapshot;
    const { body, checked } = taken ?? checkedBody(contract, value, contract.name);
    const written = this.#sized(
      contract.name,
      {
        id: id ?? publishToken,
        publishToken,
        body,
        contentType: contract.codec.contentType,
        key: taken === undefined ? orderingKey(contract, value) : taken.key,
        // Whole milliseconds: what has no place for a part of one on the wire must not be misread there.
        timestamp: Math.floor(options.timestamp ?? now),
        headers: reply?.headers === undefined ? headers : { ...headers, ...reply.headers },
        delayMs: Math.ceil(options.delayMs ?? 0),
        // By the broker's time: a wait for the connection counts, and clocks that differ do not.
        expiresAt:
          options.ttlMs === undefined ? reply?.expiresAt : Math.ceil(this.#brokerNow() + options.ttlMs),
        replyTo: reply?.replyTo,
        correlationId: options.correlationId,
      },
      checked,
    );
    reply?.onSize?.(written.size);
    return written;
  }

  /** The same with the headers that a middleware has left. */
  withChanges(written: Written, { headers }: OutgoingMessage, name: string, reply?: ReplyFields): Written {
    const copied = copyHeaders(headers, this.#capabilities.limits.headers);
    const changed = this.#sized(
      name,
      { ...written.message, headers: { ...copied, ...reply?.headers } },
      written.checked,
    );
    reply?.onSize?.(changed.size);
    return changed;
  }

  /** What a responder answers. */
  writeReply(inbox: Address, reply: Reply): Written {
    const message: WireMessage = {
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
    };
    return this.#sized(inbox.name, message, undefined);
  }

  #sized(destination: string, message: WireMessage, checked: Promise<void> | undefined): Written {
    return { message, size: checkLimits(message, this.#capabilities, destination), checked };
  }
}
