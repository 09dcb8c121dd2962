import rhea, { type Connection, type EventContext, type Receiver } from "rhea";
import type { AmqpMessage } from "../mapping.ts";

import { AmqpError, ownConditions } from "./amqp-error.ts";
import { endSession } from "./end-session.ts";

const { types } = rhea;

/** The code of the selector filter (apache.org:selector-filter:string) as Event Hubs takes it. */
const selectorFilter = 0x468c00000004;
/** https://learn.microsoft.com/azure/event-hubs/event-hubs-event-processor-host: the epoch of a reader. */
const epochProperty = "com.microsoft:epoch";

export interface ReceiverOptions {
  readonly address: string;
  readonly name: string;
  /** Where to begin, as a selector on annotations. */
  readonly selector: string;
  /** With a level it is the only reader of its consumer group; a later one of no lower level ends it. */
  readonly ownerLevel: number | undefined;
  readonly timeoutMs: number;
  onMessage(message: AmqpMessage): void;
  /** The link has ended, by the service or with the connection. Not called after `close`. */
  onEnd(cause: AmqpError): void;
  /** It is over, for whatever reason. */
  onGone(): void;
}

/** A link from one partition. Messages come only as far as credit was given. */
export class AmqpReceiver {
  readonly #link: Receiver;
  #ended = false;
  #settleOpen: ((cause: AmqpError | undefined) => void) | undefined;
  readonly #options: ReceiverOptions;

  private constructor(link: Receiver, options: ReceiverOptions) {
    this.#link = link;
    this.#options = options;
  }

  static open(connection: Connection, options: ReceiverOptions): Promise<AmqpReceiver> {
    const { address, name, selector, ownerLevel, timeoutMs } = options;
    const session = connection.create_session();
    session.open();
    const link = session.open_receiver({
      name,
      credit_window: 0,
      source: {
        address,
        filter: {
          "apache.org:selector-filter:string": types.wrap_described(selector, selectorFilter as never),
        },
      },
      target: { address: name },
      ...(ownerLevel === undefined ? {} : { properties: { [epochProperty]: types.wrap_long(ownerLevel) } }),
    });
    const receiver = new AmqpReceiver(link, options);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => receiver.fail(new AmqpError(ownConditions.timeout, `No link from ${address} in time.`)),
        timeoutMs,
      );
      receiver.#settleOpen = (cause) => {
        receiver.#settleOpen = undefined;
        clearTimeout(timer);
        if (cause === undefined) resolve(receiver);
        else reject(cause);
      };
      // A refusal is an attach without a source, and then a detach that says why.
      link.on("receiver_open", () => {
        if (link.source?.address) receiver.#settleOpen?.(undefined);
      });
      link.on("message", ({ message }: EventContext) => {
        if (!receiver.#ended) options.onMessage(message as unknown as AmqpMessage);
      });
      const ended = () =>
        receiver.fail(AmqpError.from(link.error ?? session.error, "amqp:link:detach-forced"));
      for (const event of ["receiver_error", "receiver_close"]) link.on(event, ended);
      for (const event of ["session_error", "session_close"]) session.on(event, ended);
    });
  }

  addCredit(credit: number): void {
    if (!this.#ended) this.#link.add_credit(credit);
  }

  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    endSession(this.#link.session, this.#link);
    this.#options.onGone();
  }

  fail(cause: AmqpError): void {
    if (this.#ended) return;
    this.close();
    if (this.#settleOpen !== undefined) this.#settleOpen(cause);
    else this.#options.onEnd(cause);
  }
}
